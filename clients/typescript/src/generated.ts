// Generated from the gateway's OpenAPI document by `npm run client:types`. Do not edit.

export interface paths {
    "/v1/holds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Holds of an account, the last placed first */
        get: operations["listHolds"];
        put?: never;
        /** Reserve credits before a request: an amount, or what a model may use */
        post: operations["placeHold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/holds/{holdId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A hold with everything that happened to it */
        get: operations["getHold"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/holds/{holdId}/progress": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Report the usage so far, renew the lease, and top the hold up */
        post: operations["reportProgress"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/holds/{holdId}/extend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Raise an open hold, renew its lease, or both */
        post: operations["extendHold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/holds/{holdId}/settle": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Charge what was used and give the rest back */
        post: operations["settleHold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/holds/{holdId}/void": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give all of a hold back */
        post: operations["voidHold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Up to 1000 operations at once; each succeeds or fails alone */
        post: operations["runBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/quotes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** What usage would cost now, in every part; changes nothing */
        post: operations["quoteUsage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/charges": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Charge an amount, or what was used, in one step: all or nothing */
        post: operations["charge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/grants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Grant a lot of credits */
        post: operations["grantCredits"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/grants/{grantId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke what is left of a grant; what is held of it ends with its hold */
        delete: operations["revokeGrant"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/refunds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Refund a hold or a charge, in whole or in part */
        post: operations["refund"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/transfers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Move credits to another account */
        post: operations["transferCredits"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/transfers/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A transfer and how far it is */
        get: operations["getTransfer"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{accountId}/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether a hold or charge would pass now, and if not: which limit, restriction or balance, how much short, when it resets */
        get: operations["explainSpending"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{accountId}/limits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The limits of an account */
        get: operations["listLimits"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{accountId}/limits/{limitId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A limit, with its ETag */
        get: operations["getLimit"];
        /** Define or replace a limit; it counts from now on. 202: Redis is away, and it applies when Redis is back */
        put: operations["putLimit"];
        post?: never;
        /** Remove a limit and forget what it has counted. 202: Redis is away, and the limit holds until Redis is back */
        delete: operations["removeLimit"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{accountId}/terms": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What an account allows its holds, with its ETag */
        get: operations["getTerms"];
        /** Replace what an account allows its holds. 202: Redis is away, and it applies when Redis is back */
        put: operations["putTerms"];
        post?: never;
        /** Remove the terms of an account: those of the gateway hold. 202: Redis is away, and they hold until Redis is back */
        delete: operations["removeTerms"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{accountId}/members": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The members of a pool */
        get: operations["listMembers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{accountId}/members/{spender}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A member of a pool, with its ETag */
        get: operations["getMember"];
        /** Make an account a member of a pool, which pays for its new holds and charges in /v1 */
        put: operations["putMember"];
        post?: never;
        /** End a membership; what the member holds from the pool stays the pool's */
        delete: operations["removeMember"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{accountId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** An account now: balances, lots and open holds */
        get: operations["getAccount"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{accountId}/balance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The balance of an account, now or in the past */
        get: operations["getBalance"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{accountId}/lots": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The lots of an account, the newest first */
        get: operations["listLots"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{accountId}/entries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Ledger entries of an account, newest first: a page as JSON, all of them as CSV or NDJSON */
        get: operations["listEntriesOfAccount"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{accountId}/entries/{seq}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The receipt of an entry: what it charged for, at which price, from which lots, and the life of its hold */
        get: operations["getReceipt"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/entries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Ledger entries of the caller, newest first */
        get: operations["listEntries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What was used over time, as JSON, or in any length as CSV or NDJSON */
        get: operations["getUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Events of accounts, the oldest first. Keep `nextCursor`, and ask with it again for what came since */
        get: operations["listEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{accountId}/low-balance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The threshold of `balance.low` of an account, with its ETag */
        get: operations["getLowBalance"];
        /** Set the threshold of `balance.low` of an account */
        put: operations["putLowBalance"];
        post?: never;
        /** Remove the threshold of `balance.low` of an account */
        delete: operations["removeLowBalance"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{accountId}/freeze": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Refuse every write to an account */
        post: operations["freezeAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{accountId}/thaw": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Allow writes to an account again; 409 while it differs from the books */
        post: operations["thawAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/api-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All API keys, revoked ones too, the newest first */
        get: operations["listApiKeys"];
        put?: never;
        /** Make the first API key of a service */
        post: operations["createApiKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/api-keys/{keyId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke an API key; it is refused within a second */
        delete: operations["revokeApiKey"];
        options?: never;
        head?: never;
        /** Change how many requests per second an API key may make, and what it may spend; in force within a second */
        patch: operations["changeApiKey"];
        trace?: never;
    };
    "/v1/api-keys/{keyId}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make a second key beside this one, for the same service; revoke this one when the service uses the new one */
        post: operations["rotateApiKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The webhooks of the caller's accounts, the newest first */
        get: operations["listWebhooks"];
        put?: never;
        /** Have events sent to a URL; the answer tells the secret that signs them, once */
        post: operations["createWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{webhookId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A webhook, with its ETag */
        get: operations["getWebhook"];
        /** Replace the settings of a webhook; one that becomes enabled gets events from then on */
        put: operations["putWebhook"];
        post?: never;
        /** Remove a webhook and the record of its deliveries */
        delete: operations["removeWebhook"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{webhookId}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make a new secret; the one in use signs beside it for a while */
        post: operations["rotateWebhookSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{webhookId}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Deliveries to a webhook with their answers, the newest first */
        get: operations["listDeliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{webhookId}/deliveries/{deliveryId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A delivery with its answers */
        get: operations["getDelivery"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{webhookId}/deliveries/{deliveryId}/resend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send a delivery again, under the same id, with another three days of attempts */
        post: operations["resendDelivery"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/prices/{book}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Current prices of a book, with the ETag of the book */
        get: operations["listPrices"];
        /** Set the price of a model, or another name for one, from a time on, as a new version; the first price creates the book */
        put: operations["putPrice"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/prices/{book}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All versions of the prices of a book, newest first, including future ones */
        get: operations["listPriceHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/prices/{book}/aliases": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Other names of models of a book, and the models that they lead to now */
        get: operations["listPriceAliases"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/prices/{book}/terms": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Change the margin, or the price of a credit, for all prices of a book */
        put: operations["putPriceTerms"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/costs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What each model cost users, the most expensive first */
        get: operations["listModelCosts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The credit plans */
        get: operations["listPlans"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans/{planId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A plan, with its ETag */
        get: operations["getPlan"];
        /** Create or change a plan; changes apply from the next refill of each account on */
        put: operations["putPlan"];
        post?: never;
        /** Remove a plan that no account has */
        delete: operations["removePlan"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/account-plans/{accountId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The plan of an account */
        get: operations["getPlanOfAccount"];
        /** Assign a plan to an account; its first period starts now, or at the end of the last granted period */
        put: operations["putPlanOfAccount"];
        post?: never;
        /** End the plan of an account; granted credits stay and are not granted again */
        delete: operations["endPlanOfAccount"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/referrals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Reward a referral, once per referee */
        post: operations["rewardReferral"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/shards": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shards of the journal: how far Postgres is, and which are stopped */
        get: operations["listShards"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/refusals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Refused requests, newest minute first */
        get: operations["listRefusals"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/changes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Changes of configuration with actor, time and reason, the newest first */
        get: operations["listChanges"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/reconciliation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** State of the reconciler and the open differences */
        get: operations["getReconciliation"];
        put?: never;
        /** Compare an account now, or begin a complete round */
        post: operations["reconcile"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Problem: {
            /** @description the page that explains the code */
            type: string;
            /** @description what the code means */
            title: string;
            /** @description the HTTP status */
            status: number;
            /** @description what happened, for people */
            detail: string;
            /**
             * @description what to branch on; the list is closed
             * @enum {unknown}
             */
            code: "invalid_request" | "unauthenticated" | "insufficient_credits" | "limit_reached" | "forbidden" | "not_found" | "method_not_allowed" | "account_not_found" | "hold_not_found" | "hold_resolved" | "progress_backwards" | "not_refundable" | "conflict" | "precondition_failed" | "body_too_large" | "unsupported_media_type" | "idempotency_key_reused" | "unknown_limit" | "unknown_model" | "price_missing" | "account_frozen" | "too_many" | "rate_limited" | "not_configured" | "ledger_unavailable" | "internal";
            /** @description what was wrong, and where */
            errors: {
                /** @description where: `body.credits`, `query.limit`, `header.Idempotency-Key` */
                path: string;
                /** @description what is wrong with it */
                message: string;
            }[];
            /** @description with 402: the credits that can be spent */
            available?: string;
            /** @description with 402: the credits that were asked for */
            required?: string;
            /** @description with 402: what is missing */
            shortBy?: string;
            /** @description with 402: the spending limit that refused */
            limit?: string;
            /** @description with `limit`: when it allows spending again */
            resetsAt?: string | null;
            /**
             * @description with 503: whether the operation may have happened
             * @enum {unknown}
             */
            outcome?: "not_executed" | "unknown";
            /** @description the outcome of the first attempt, when a second one is refused because of it */
            first?: Record<string, never>;
            /** @description the X-Request-Id of the answer */
            requestId: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listHolds: {
        parameters: {
            query?: {
                /** @description at most this many items of one page */
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description whose hold it is; by default the own account */
                account?: string;
                /** @description only these */
                state?: "open" | "settled" | "voided" | "expired" | "";
                /** @description placed before: RFC 3339, such as 2026-01-31T12:00:00Z */
                before?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description one page */
                        data: {
                            /** @description names it */
                            id: string;
                            /** @description the account that pays */
                            account: string;
                            /**
                             * @description where it stands
                             * @enum {unknown}
                             */
                            state: "open" | "settled" | "voided" | "expired";
                            /** @description credits */
                            amount: string;
                            /** @description credits that the usage reported so far costs */
                            reported: string;
                            /** @description credits that were charged */
                            captured: string;
                            /** @description credits that were given back */
                            released: string;
                            /** @description credits that ended with their lot */
                            expired: string;
                            /** @description credits that were charged beyond the hold, debt included */
                            overage: string;
                            /** @description credits that are owed: the next grant pays them first */
                            debt: string;
                            /** @description credits of usage that nothing paid */
                            uncollected: string;
                            /** @description whether it ended after its lease, or charged a difference */
                            late: boolean;
                            /**
                             * Format: date-time
                             * @description when it was placed
                             */
                            placedAt: string;
                            /**
                             * Format: date-time
                             * @description when the hold ends by itself
                             */
                            leaseEndsAt: string;
                            /** @description when it ended; null: not yet */
                            endedAt: string | null;
                            /** @description the kind of caller: `user`, `service` or `operator` */
                            placedBy: string;
                            /** @description what the end of the lease charges */
                            onExpiry: string;
                            /** @description what pays for usage beyond the hold */
                            overCapture: string | null;
                            /** @description the model */
                            model: string | null;
                            /** @description your own data, as you sent it */
                            metadata: {
                                [key: string]: unknown;
                            } | null;
                        }[];
                        /** @description for the next page; null on the last one */
                        nextCursor: string | null;
                    };
                };
            };
        };
    };
    placeHold: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
                /** @description `wait=ledger`: the answer comes when the entry is in Postgres, with `Preference-Applied: wait=ledger`, or after a second without that header */
                Prefer?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description who spends from the account, for limits; by default the account itself */
                    spender?: string;
                    /** @description what the credits are for, such as `chat`; limits match it */
                    feature?: string;
                    /** @description visible ASCII; names one hold for ever */
                    id?: string;
                    /** @description the account that pays; by default the own one, or the payer of the API key */
                    account?: string;
                    /** @description credits, or the least and the most of them */
                    amount?: (string | number) | {
                        /** @description refused below: decimal text such as `"2.5"`, or a number; at most six decimals */
                        minimum: string | number;
                        /** @description held as far as it is there: decimal text such as `"2.5"`, or a number; at most six decimals */
                        desired: string | number;
                    };
                    /** @description what the request is certain to use, and the output it may use */
                    price?: {
                        /** @description a model that the native book prices */
                        model: string;
                        /** @description where several providers sell the model */
                        provider?: string;
                        /**
                         * @description `standard` by default
                         * @enum {unknown}
                         */
                        serviceTier?: "standard" | "priority" | "flex" | "batch";
                        /** @description tokens of the input in all */
                        inputTokens?: number;
                        /** @description tokens of the input that were read from a cache */
                        cachedInputTokens?: number;
                        /** @description the part of the input that was written to a cache for 5 minutes */
                        cacheWriteTokens?: number;
                        /** @description the part of the input that was written to a cache for an hour */
                        cacheWrite1hTokens?: number;
                        /** @description tokens of the input that are sound */
                        audioInputTokens?: number;
                        /** @description tokens of the input that are pictures */
                        imageInputTokens?: number;
                        /** @description tokens of the output that are reasoning */
                        reasoningTokens?: number;
                        /** @description tokens of the output that are sound */
                        audioOutputTokens?: number;
                        /** @description tokens of the output that are pictures */
                        imageOutputTokens?: number;
                        /** @description requests, of a model with a price per request */
                        requests?: number;
                        /** @description how many whole pictures were read */
                        inputImages?: number;
                        /** @description how many whole pictures were made */
                        outputImages?: number;
                        /** @description tokens of the answer at most; by default the model's own maximum */
                        maxOutputTokens?: number;
                        /** @description tokens: hold less than the maximum, but at least these */
                        minimumOutputTokens?: number;
                    };
                    /** @description seconds from now until the lease ends */
                    leaseSeconds?: number;
                    /**
                     * @description what the end of the lease charges; `charge_reported` by default
                     * @enum {unknown}
                     */
                    onExpiry?: "release" | "charge_reported" | "charge_input" | "charge_estimate";
                    /**
                     * @description what pays for usage beyond the hold; the account or the gateway has a default, and a laxer one is refused
                     * @enum {unknown}
                     */
                    overCapture?: "debt" | "available" | "cap";
                    /** @description credits of debt at most, with overCapture debt: decimal text such as `"2.5"`, or a number; at most six decimals */
                    debtLimit?: string | number;
                    /** @description by the id of a limit of the account, what it allows this hold at most: the smaller of the two amounts binds */
                    limits?: {
                        [key: string]: string | number;
                    };
                    /** @description your own data, at most 4 KiB as JSON; kept and returned, never read */
                    metadata?: {
                        [key: string]: unknown;
                    };
                    /** @description why; kept with the entry. Operators must say it for the account of another */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done; something new is there. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that pays */
                        account: string;
                        /**
                         * @description where it stands
                         * @enum {unknown}
                         */
                        state: "open" | "settled" | "voided" | "expired";
                        /** @description credits */
                        amount: string;
                        /** @description credits that the usage reported so far costs */
                        reported: string;
                        /** @description credits that are left */
                        remaining: string;
                        /**
                         * Format: date-time
                         * @description when the hold ends by itself
                         */
                        leaseEndsAt: string;
                        /**
                         * Format: date-time
                         * @description report or extend until then
                         */
                        reportBy: string;
                        /** @description nothing more can be had: stop at stopAtTokens */
                        final: boolean;
                        /** @description output tokens in all that the hold pays for */
                        stopAtTokens: number | null;
                        /** @description the price that applies */
                        price: {
                            /** @description the price book */
                            book: string;
                            /** @description the model */
                            model: string;
                            /** @description the version of the price */
                            version: number;
                        } | null;
                        /** @description credits that can be spent now */
                        available: string;
                        /** @description those that it counts against */
                        limits: {
                            /** @description names it */
                            id: string;
                            /** @description credits that are left */
                            remaining: string;
                            /** @description when the window ends and the amount is there again; null: never */
                            resetsAt: string | null;
                        }[];
                        /** @description the member of the pool `account` that spends */
                        spender?: string;
                    };
                };
            };
        };
    };
    getHold: {
        parameters: {
            query?: {
                /** @description whose hold it is; by default the own account */
                account?: string;
            };
            header?: never;
            path: {
                /** @description visible ASCII; a pool names the hold of a member `member/id` */
                holdId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that pays */
                        account: string;
                        /**
                         * @description where it stands
                         * @enum {unknown}
                         */
                        state: "open" | "settled" | "voided" | "expired";
                        /** @description credits */
                        amount?: string;
                        /** @description credits that the usage reported so far costs */
                        reported?: string;
                        /** @description credits that are left */
                        remaining?: string;
                        /**
                         * Format: date-time
                         * @description when the hold ends by itself
                         */
                        leaseEndsAt?: string;
                        /**
                         * Format: date-time
                         * @description report or extend until then
                         */
                        reportBy?: string;
                        /** @description nothing more can be had: stop at stopAtTokens */
                        final?: boolean;
                        /** @description output tokens in all that the hold pays for */
                        stopAtTokens?: number | null;
                        /** @description the price that applies */
                        price?: {
                            /** @description the price book */
                            book: string;
                            /** @description the model */
                            model: string;
                            /** @description the version of the price */
                            version: number;
                        } | null;
                        /** @description credits that can be spent now */
                        available?: string;
                        /** @description those that it counted against, after its end */
                        limits?: {
                            /** @description names it */
                            id: string;
                            /** @description credits that are left */
                            remaining: string;
                            /** @description when the window ends and the amount is there again; null: never */
                            resetsAt: string | null;
                        }[];
                        /** @description the member of the pool `account` that spends */
                        spender?: string;
                        /** @description credits that were charged */
                        captured?: string;
                        /** @description credits that were given back */
                        released?: string;
                        /** @description credits that ended with their lot */
                        expired?: string;
                        /** @description credits that were charged beyond the hold, debt included */
                        overage?: string;
                        /** @description credits that are owed: the next grant pays them first */
                        debt?: string;
                        /** @description credits of usage that nothing paid */
                        uncollected?: string;
                        /** @description whether it ended after its lease, or charged a difference */
                        late?: boolean;
                        /** @description when it ended; null: not yet */
                        endedAt?: string | null;
                        /**
                         * Format: date-time
                         * @description when it was placed
                         */
                        placedAt?: string;
                        /** @description the kind of caller: `user`, `service` or `operator` */
                        placedBy?: string;
                        /** @description what the end of the lease charges */
                        onExpiry?: string;
                        /** @description what pays for usage beyond the hold */
                        overCapture?: string | null;
                        /** @description the model */
                        model?: string | null;
                        /** @description your own data, as you sent it */
                        metadata?: {
                            [key: string]: unknown;
                        } | null;
                        /** @description null while Postgres does not answer */
                        timeline: {
                            /** @description the number of the entry in the ledger of the account */
                            seq: number;
                            /**
                             * Format: date-time
                             * @description when it happened
                             */
                            at: string;
                            /** @description what happened */
                            kind: string;
                            /** @description credits that open holds keep */
                            held: string;
                            /** @description credits that were charged */
                            captured: string;
                            /** @description credits that the usage reported so far costs */
                            reported: string;
                            /** @description the tokens by class */
                            usage: string;
                            /** @description who did it; null: the gateway */
                            by: string | null;
                            /** @description why, as the caller told it */
                            reason: string | null;
                        }[] | null;
                    };
                };
            };
        };
    };
    reportProgress: {
        parameters: {
            query?: never;
            header?: {
                /** @description `wait=ledger`: the answer comes when the entry is in Postgres, with `Preference-Applied: wait=ledger`, or after a second without that header */
                Prefer?: string;
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description visible ASCII; a pool names the hold of a member `member/id` */
                holdId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description the account that pays; by default the own one, or the payer of the API key */
                    account?: string;
                    /** @description everything so far */
                    usage?: {
                        /** @description tokens of the input in all */
                        inputTokens?: number;
                        /** @description tokens of the input that were read from a cache */
                        cachedInputTokens?: number;
                        /** @description the part of the input that was written to a cache for 5 minutes */
                        cacheWriteTokens?: number;
                        /** @description the part of the input that was written to a cache for an hour */
                        cacheWrite1hTokens?: number;
                        /** @description tokens of the input that are sound */
                        audioInputTokens?: number;
                        /** @description tokens of the input that are pictures */
                        imageInputTokens?: number;
                        /** @description tokens of the output in all */
                        outputTokens?: number;
                        /** @description tokens of the output that are reasoning */
                        reasoningTokens?: number;
                        /** @description tokens of the output that are sound */
                        audioOutputTokens?: number;
                        /** @description tokens of the output that are pictures */
                        imageOutputTokens?: number;
                        /** @description requests, of a model with a price per request */
                        requests?: number;
                        /** @description how many whole pictures were read */
                        inputImages?: number;
                        /** @description how many whole pictures were made */
                        outputImages?: number;
                    };
                    /** @description credits for everything so far: decimal text such as `"2.5"`, or a number; at most six decimals */
                    amount?: string | number;
                    /** @description tops the hold up when less than this is left */
                    extend?: {
                        /** @description output tokens that shall be left */
                        headroomTokens?: number;
                        /** @description credits that shall be left: decimal text such as `"2.5"`, or a number; at most six decimals */
                        headroom?: string | number;
                    };
                    /** @description seconds from now until the lease ends */
                    leaseSeconds?: number;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that pays */
                        account: string;
                        /**
                         * @description where it stands
                         * @enum {unknown}
                         */
                        state: "open" | "settled" | "voided" | "expired";
                        /** @description credits */
                        amount: string;
                        /** @description credits that the usage reported so far costs */
                        reported: string;
                        /** @description credits that are left */
                        remaining: string;
                        /**
                         * Format: date-time
                         * @description when the hold ends by itself
                         */
                        leaseEndsAt: string;
                        /**
                         * Format: date-time
                         * @description report or extend until then
                         */
                        reportBy: string;
                        /** @description nothing more can be had: stop at stopAtTokens */
                        final: boolean;
                        /** @description output tokens in all that the hold pays for */
                        stopAtTokens: number | null;
                        /** @description the price that applies */
                        price: {
                            /** @description the price book */
                            book: string;
                            /** @description the model */
                            model: string;
                            /** @description the version of the price */
                            version: number;
                        } | null;
                        /** @description credits that can be spent now */
                        available: string;
                        /** @description those that it counts against */
                        limits: {
                            /** @description names it */
                            id: string;
                            /** @description credits that are left */
                            remaining: string;
                            /** @description when the window ends and the amount is there again; null: never */
                            resetsAt: string | null;
                        }[];
                        /** @description the member of the pool `account` that spends */
                        spender?: string;
                    };
                };
            };
        };
    };
    extendHold: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
                /** @description `wait=ledger`: the answer comes when the entry is in Postgres, with `Preference-Applied: wait=ledger`, or after a second without that header */
                Prefer?: string;
            };
            path: {
                /** @description visible ASCII; a pool names the hold of a member `member/id` */
                holdId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description the account that pays; by default the own one, or the payer of the API key */
                    account?: string;
                    /** @description credits, or the least and the most of them */
                    amount?: (string | number) | {
                        /** @description refused below: decimal text such as `"2.5"`, or a number; at most six decimals */
                        minimum: string | number;
                        /** @description held as far as it is there: decimal text such as `"2.5"`, or a number; at most six decimals */
                        desired: string | number;
                    };
                    /** @description output tokens in all that the hold shall pay for */
                    maxOutputTokens?: number;
                    /** @description seconds from now until the lease ends */
                    leaseSeconds?: number;
                    /** @description why; kept with the entry. Operators must say it for the account of another */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that pays */
                        account: string;
                        /**
                         * @description where it stands
                         * @enum {unknown}
                         */
                        state: "open" | "settled" | "voided" | "expired";
                        /** @description credits */
                        amount: string;
                        /** @description credits that the usage reported so far costs */
                        reported: string;
                        /** @description credits that are left */
                        remaining: string;
                        /**
                         * Format: date-time
                         * @description when the hold ends by itself
                         */
                        leaseEndsAt: string;
                        /**
                         * Format: date-time
                         * @description report or extend until then
                         */
                        reportBy: string;
                        /** @description nothing more can be had: stop at stopAtTokens */
                        final: boolean;
                        /** @description output tokens in all that the hold pays for */
                        stopAtTokens: number | null;
                        /** @description the price that applies */
                        price: {
                            /** @description the price book */
                            book: string;
                            /** @description the model */
                            model: string;
                            /** @description the version of the price */
                            version: number;
                        } | null;
                        /** @description credits that can be spent now */
                        available: string;
                        /** @description those that it counts against */
                        limits: {
                            /** @description names it */
                            id: string;
                            /** @description credits that are left */
                            remaining: string;
                            /** @description when the window ends and the amount is there again; null: never */
                            resetsAt: string | null;
                        }[];
                        /** @description the member of the pool `account` that spends */
                        spender?: string;
                    };
                };
            };
        };
    };
    settleHold: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
                /** @description `wait=ledger`: the answer comes when the entry is in Postgres, with `Preference-Applied: wait=ledger`, or after a second without that header */
                Prefer?: string;
            };
            path: {
                /** @description visible ASCII; a pool names the hold of a member `member/id` */
                holdId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description the account that pays; by default the own one, or the payer of the API key */
                    account?: string;
                    /** @description all of it */
                    usage?: {
                        /** @description tokens of the input in all */
                        inputTokens?: number;
                        /** @description tokens of the input that were read from a cache */
                        cachedInputTokens?: number;
                        /** @description the part of the input that was written to a cache for 5 minutes */
                        cacheWriteTokens?: number;
                        /** @description the part of the input that was written to a cache for an hour */
                        cacheWrite1hTokens?: number;
                        /** @description tokens of the input that are sound */
                        audioInputTokens?: number;
                        /** @description tokens of the input that are pictures */
                        imageInputTokens?: number;
                        /** @description tokens of the output in all */
                        outputTokens?: number;
                        /** @description tokens of the output that are reasoning */
                        reasoningTokens?: number;
                        /** @description tokens of the output that are sound */
                        audioOutputTokens?: number;
                        /** @description tokens of the output that are pictures */
                        imageOutputTokens?: number;
                        /** @description requests, of a model with a price per request */
                        requests?: number;
                        /** @description how many whole pictures were read */
                        inputImages?: number;
                        /** @description how many whole pictures were made */
                        outputImages?: number;
                    };
                    /**
                     * @description `standard` by default
                     * @enum {unknown}
                     */
                    serviceTier?: "standard" | "priority" | "flex" | "batch";
                    /** @description of several models */
                    usages?: {
                        /** @description a model that the native book prices */
                        model: string;
                        /** @description where several providers sell the model */
                        provider?: string;
                        /** @description of this model */
                        usage: {
                            /** @description tokens of the input in all */
                            inputTokens?: number;
                            /** @description tokens of the input that were read from a cache */
                            cachedInputTokens?: number;
                            /** @description the part of the input that was written to a cache for 5 minutes */
                            cacheWriteTokens?: number;
                            /** @description the part of the input that was written to a cache for an hour */
                            cacheWrite1hTokens?: number;
                            /** @description tokens of the input that are sound */
                            audioInputTokens?: number;
                            /** @description tokens of the input that are pictures */
                            imageInputTokens?: number;
                            /** @description tokens of the output in all */
                            outputTokens?: number;
                            /** @description tokens of the output that are reasoning */
                            reasoningTokens?: number;
                            /** @description tokens of the output that are sound */
                            audioOutputTokens?: number;
                            /** @description tokens of the output that are pictures */
                            imageOutputTokens?: number;
                            /** @description requests, of a model with a price per request */
                            requests?: number;
                            /** @description how many whole pictures were read */
                            inputImages?: number;
                            /** @description how many whole pictures were made */
                            outputImages?: number;
                        };
                        /**
                         * @description `standard` by default
                         * @enum {unknown}
                         */
                        serviceTier?: "standard" | "priority" | "flex" | "batch";
                    }[];
                    /** @description credits: decimal text such as `"2.5"`, or a number; at most six decimals */
                    amount?: string | number;
                    /**
                     * @description for who has lost count: what was reported, the input, or the whole hold
                     * @enum {unknown}
                     */
                    use?: "reported" | "input" | "estimate";
                    /**
                     * @description how the request ended
                     * @enum {unknown}
                     */
                    reason?: "completed" | "client_disconnect" | "user_stop" | "provider_error" | "timeout" | "cut_off";
                    /** @description your own data, at most 4 KiB as JSON; kept and returned, never read */
                    metadata?: {
                        [key: string]: unknown;
                    };
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that pays */
                        account: string;
                        /**
                         * @description where it stands
                         * @enum {unknown}
                         */
                        state: "open" | "settled" | "voided" | "expired";
                        /** @description credits */
                        amount: string;
                        /** @description credits that were charged */
                        captured: string;
                        /** @description credits that were given back */
                        released: string;
                        /** @description credits that ended with their lot */
                        expired: string;
                        /** @description credits that were charged beyond the hold, debt included */
                        overage: string;
                        /** @description credits that are owed: the next grant pays them first */
                        debt: string;
                        /** @description credits of usage that nothing paid */
                        uncollected: string;
                        /** @description credits that can be spent now */
                        available: string;
                        /** @description whether it ended after its lease, or charged a difference */
                        late: boolean;
                        /**
                         * Format: date-time
                         * @description when it ended; null: not yet
                         */
                        endedAt: string;
                        /** @description those that it counted against, after its end */
                        limits: {
                            /** @description names it */
                            id: string;
                            /** @description credits that are left */
                            remaining: string;
                            /** @description when the window ends and the amount is there again; null: never */
                            resetsAt: string | null;
                        }[];
                        /** @description the member of the pool `account` that spends */
                        spender?: string;
                    };
                };
            };
        };
    };
    voidHold: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
                /** @description `wait=ledger`: the answer comes when the entry is in Postgres, with `Preference-Applied: wait=ledger`, or after a second without that header */
                Prefer?: string;
            };
            path: {
                /** @description visible ASCII; a pool names the hold of a member `member/id` */
                holdId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description the account that pays; by default the own one, or the payer of the API key */
                    account?: string;
                    /**
                     * @description how the request ended
                     * @enum {unknown}
                     */
                    reason: "completed" | "client_disconnect" | "user_stop" | "provider_error" | "timeout" | "cut_off";
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that pays */
                        account: string;
                        /**
                         * @description where it stands
                         * @enum {unknown}
                         */
                        state: "open" | "settled" | "voided" | "expired";
                        /** @description credits */
                        amount: string;
                        /** @description credits that were charged */
                        captured: string;
                        /** @description credits that were given back */
                        released: string;
                        /** @description credits that ended with their lot */
                        expired: string;
                        /** @description credits that were charged beyond the hold, debt included */
                        overage: string;
                        /** @description credits that are owed: the next grant pays them first */
                        debt: string;
                        /** @description credits of usage that nothing paid */
                        uncollected: string;
                        /** @description credits that can be spent now */
                        available: string;
                        /** @description whether it ended after its lease, or charged a difference */
                        late: boolean;
                        /**
                         * Format: date-time
                         * @description when it ended; null: not yet
                         */
                        endedAt: string;
                        /** @description those that it counted against, after its end */
                        limits: {
                            /** @description names it */
                            id: string;
                            /** @description credits that are left */
                            remaining: string;
                            /** @description when the window ends and the amount is there again; null: never */
                            resetsAt: string | null;
                        }[];
                        /** @description the member of the pool `account` that spends */
                        spender?: string;
                    };
                };
            };
        };
    };
    runBatch: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description what to do, each with its own `op` */
                    operations: unknown[];
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description one for each operation, in their order */
                        results: {
                            /** @description the HTTP status, as of its own route */
                            status: number;
                            /**
                             * @description the answer to an earlier, identical operation
                             * @constant
                             */
                            replayed?: true;
                            /** @description as of its own route; of a failure, the problem */
                            body: {
                                [key: string]: unknown;
                            };
                        }[];
                    };
                };
            };
        };
    };
    quoteUsage: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description the model that was used */
                    model?: string;
                    /** @description where several providers sell the model */
                    provider?: string;
                    /**
                     * @description `standard` by default
                     * @enum {unknown}
                     */
                    serviceTier?: "standard" | "priority" | "flex" | "batch";
                    /** @description what was used, by class of token; `inputTokens` and `outputTokens` are totals, the others are parts of them */
                    usage?: {
                        /** @description tokens of the input in all */
                        inputTokens?: number;
                        /** @description tokens of the input that were read from a cache */
                        cachedInputTokens?: number;
                        /** @description the part of the input that was written to a cache for 5 minutes */
                        cacheWriteTokens?: number;
                        /** @description the part of the input that was written to a cache for an hour */
                        cacheWrite1hTokens?: number;
                        /** @description tokens of the input that are sound */
                        audioInputTokens?: number;
                        /** @description tokens of the input that are pictures */
                        imageInputTokens?: number;
                        /** @description tokens of the output in all */
                        outputTokens?: number;
                        /** @description tokens of the output that are reasoning */
                        reasoningTokens?: number;
                        /** @description tokens of the output that are sound */
                        audioOutputTokens?: number;
                        /** @description tokens of the output that are pictures */
                        imageOutputTokens?: number;
                        /** @description requests, of a model with a price per request */
                        requests?: number;
                        /** @description how many whole pictures were read */
                        inputImages?: number;
                        /** @description how many whole pictures were made */
                        outputImages?: number;
                    };
                    /** @description several models in one charge */
                    usages?: {
                        /** @description the model that was used */
                        model: string;
                        /** @description where several providers sell the model */
                        provider?: string;
                        /**
                         * @description `standard` by default
                         * @enum {unknown}
                         */
                        serviceTier?: "standard" | "priority" | "flex" | "batch";
                        /** @description what was used, by class of token; `inputTokens` and `outputTokens` are totals, the others are parts of them */
                        usage: {
                            /** @description tokens of the input in all */
                            inputTokens?: number;
                            /** @description tokens of the input that were read from a cache */
                            cachedInputTokens?: number;
                            /** @description the part of the input that was written to a cache for 5 minutes */
                            cacheWriteTokens?: number;
                            /** @description the part of the input that was written to a cache for an hour */
                            cacheWrite1hTokens?: number;
                            /** @description tokens of the input that are sound */
                            audioInputTokens?: number;
                            /** @description tokens of the input that are pictures */
                            imageInputTokens?: number;
                            /** @description tokens of the output in all */
                            outputTokens?: number;
                            /** @description tokens of the output that are reasoning */
                            reasoningTokens?: number;
                            /** @description tokens of the output that are sound */
                            audioOutputTokens?: number;
                            /** @description tokens of the output that are pictures */
                            imageOutputTokens?: number;
                            /** @description requests, of a model with a price per request */
                            requests?: number;
                            /** @description how many whole pictures were read */
                            inputImages?: number;
                            /** @description how many whole pictures were made */
                            outputImages?: number;
                        };
                    }[];
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description credits */
                        amount: string;
                        /** @description what each usage costs, by class of token */
                        usages: {
                            /** @description as it was asked for */
                            model: string;
                            /** @description credits */
                            amount: string;
                            /** @description the price that applies */
                            price: {
                                /** @description the price book */
                                book: string;
                                /** @description the provider of the model; empty: any */
                                provider: string;
                                /** @description the entry of the book that prices it */
                                model: string;
                                /** @description the version of the price */
                                version: number;
                                /** @description why this entry prices it */
                                rule: string;
                                /** @description whether it is the default for models without a price */
                                isDefault: boolean;
                            };
                            /** @description the parts of the amount */
                            components: {
                                /** @description the class of the tokens */
                                tokenClass: string;
                                /** @description how many tokens were used */
                                tokens: number;
                                /** @description credits for `per` of them */
                                rate: string;
                                /** @description how many units the rate is for */
                                per: number;
                                /** @description credits */
                                amount: string;
                                /** @description the class whose price stands in; the same class where it has a price */
                                pricedAs: string | null;
                                /** @description the length of the prompt, in tokens, above which the price applies */
                                aboveInputTokens: number;
                                /** @description the service tier that the price is for */
                                serviceTier: string;
                            }[];
                            /** @description credits that are added to the price */
                            margin: {
                                /** @description percent */
                                percent: string;
                                /** @description credits */
                                amount: string;
                            };
                            /** @description credits that rounding added */
                            rounding: {
                                /** @description to what it was rounded up */
                                upTo: string;
                                /** @description credits */
                                amount: string;
                            };
                        }[];
                    };
                };
            };
        };
    };
    charge: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
                /** @description `wait=ledger`: the answer comes when the entry is in Postgres, with `Preference-Applied: wait=ledger`, or after a second without that header */
                Prefer?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description the account that pays; by default the own one, or the payer of the API key */
                    account?: string;
                    /** @description who spends from the account, for limits; by default the account itself */
                    spender?: string;
                    /** @description what the credits are for, such as `chat`; limits match it */
                    feature?: string;
                    /** @description credits: decimal text such as `"2.5"`, or a number; at most six decimals */
                    amount?: string | number;
                    /** @description the model that was used */
                    model?: string;
                    /** @description where several providers sell the model */
                    provider?: string;
                    /**
                     * @description `standard` by default
                     * @enum {unknown}
                     */
                    serviceTier?: "standard" | "priority" | "flex" | "batch";
                    /** @description what was used, by class of token; `inputTokens` and `outputTokens` are totals, the others are parts of them */
                    usage?: {
                        /** @description tokens of the input in all */
                        inputTokens?: number;
                        /** @description tokens of the input that were read from a cache */
                        cachedInputTokens?: number;
                        /** @description the part of the input that was written to a cache for 5 minutes */
                        cacheWriteTokens?: number;
                        /** @description the part of the input that was written to a cache for an hour */
                        cacheWrite1hTokens?: number;
                        /** @description tokens of the input that are sound */
                        audioInputTokens?: number;
                        /** @description tokens of the input that are pictures */
                        imageInputTokens?: number;
                        /** @description tokens of the output in all */
                        outputTokens?: number;
                        /** @description tokens of the output that are reasoning */
                        reasoningTokens?: number;
                        /** @description tokens of the output that are sound */
                        audioOutputTokens?: number;
                        /** @description tokens of the output that are pictures */
                        imageOutputTokens?: number;
                        /** @description requests, of a model with a price per request */
                        requests?: number;
                        /** @description how many whole pictures were read */
                        inputImages?: number;
                        /** @description how many whole pictures were made */
                        outputImages?: number;
                    };
                    /** @description several models in one charge */
                    usages?: {
                        /** @description the model that was used */
                        model: string;
                        /** @description where several providers sell the model */
                        provider?: string;
                        /**
                         * @description `standard` by default
                         * @enum {unknown}
                         */
                        serviceTier?: "standard" | "priority" | "flex" | "batch";
                        /** @description what was used, by class of token; `inputTokens` and `outputTokens` are totals, the others are parts of them */
                        usage: {
                            /** @description tokens of the input in all */
                            inputTokens?: number;
                            /** @description tokens of the input that were read from a cache */
                            cachedInputTokens?: number;
                            /** @description the part of the input that was written to a cache for 5 minutes */
                            cacheWriteTokens?: number;
                            /** @description the part of the input that was written to a cache for an hour */
                            cacheWrite1hTokens?: number;
                            /** @description tokens of the input that are sound */
                            audioInputTokens?: number;
                            /** @description tokens of the input that are pictures */
                            imageInputTokens?: number;
                            /** @description tokens of the output in all */
                            outputTokens?: number;
                            /** @description tokens of the output that are reasoning */
                            reasoningTokens?: number;
                            /** @description tokens of the output that are sound */
                            audioOutputTokens?: number;
                            /** @description tokens of the output that are pictures */
                            imageOutputTokens?: number;
                            /** @description requests, of a model with a price per request */
                            requests?: number;
                            /** @description how many whole pictures were read */
                            inputImages?: number;
                            /** @description how many whole pictures were made */
                            outputImages?: number;
                        };
                    }[];
                    /** @description why; kept with the entry. Operators must say it for the account of another */
                    reason?: string;
                    /** @description your own data, at most 4 KiB as JSON; kept and returned, never read */
                    metadata?: {
                        [key: string]: unknown;
                    };
                };
            };
        };
        responses: {
            /** @description Done; something new is there. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the account that pays */
                        account: string;
                        /** @description the member of the pool `account` that spends */
                        spender?: string;
                        /** @description `seq` of its entry: GET /v1/accounts/:accountId/entries/:seq is the receipt */
                        entry: number;
                        /**
                         * Format: date-time
                         * @description when it happened
                         */
                        at: string;
                        /** @description credits */
                        amount: string;
                        /** @description what can be spent after it */
                        available: string;
                        /** @description what each usage costs, by class of token */
                        usages: {
                            /** @description as it was asked for */
                            model: string;
                            /** @description credits */
                            amount: string;
                            /** @description the price that applies */
                            price: {
                                /** @description the price book */
                                book: string;
                                /** @description the provider of the model; empty: any */
                                provider: string;
                                /** @description the entry of the book that prices it */
                                model: string;
                                /** @description the version of the price */
                                version: number;
                                /** @description why this entry prices it */
                                rule: string;
                                /** @description whether it is the default for models without a price */
                                isDefault: boolean;
                            };
                            /** @description the parts of the amount */
                            components: {
                                /** @description the class of the tokens */
                                tokenClass: string;
                                /** @description how many tokens were used */
                                tokens: number;
                                /** @description credits for `per` of them */
                                rate: string;
                                /** @description how many units the rate is for */
                                per: number;
                                /** @description credits */
                                amount: string;
                                /** @description the class whose price stands in; the same class where it has a price */
                                pricedAs: string | null;
                                /** @description the length of the prompt, in tokens, above which the price applies */
                                aboveInputTokens: number;
                                /** @description the service tier that the price is for */
                                serviceTier: string;
                            }[];
                            /** @description credits that are added to the price */
                            margin: {
                                /** @description percent */
                                percent: string;
                                /** @description credits */
                                amount: string;
                            };
                            /** @description credits that rounding added */
                            rounding: {
                                /** @description to what it was rounded up */
                                upTo: string;
                                /** @description credits */
                                amount: string;
                            };
                        }[];
                    };
                };
            };
        };
    };
    grantCredits: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
                /** @description `wait=ledger`: the answer comes when the entry is in Postgres, with `Preference-Applied: wait=ledger`, or after a second without that header */
                Prefer?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description the account that pays; by default the own one, or the payer of the API key */
                    account?: string;
                    /** @description credits: decimal text such as `"2.5"`, or a number; at most six decimals */
                    amount: string | number;
                    /** @description when it ends; null: never */
                    expiresAt?: string | null;
                    /** @description where the credits come from, such as `purchase` or `bonus` */
                    source?: string;
                    /**
                     * @description a number: lots of a lower one are used first
                     * @default 50
                     */
                    priority?: number;
                    /** @description what the credits can be used for; with models and features, an operation must match both */
                    restrictTo?: {
                        /** @description only for operations on one of these models */
                        models?: string[];
                        /** @description only for operations on one of these features */
                        features?: string[];
                    };
                    /** @description why; kept with the entry. Operators must say it for the account of another */
                    reason?: string;
                    /** @description your own data, at most 4 KiB as JSON; kept and returned, never read */
                    metadata?: {
                        [key: string]: unknown;
                    };
                };
            };
        };
        responses: {
            /** @description Done; something new is there. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that pays */
                        account: string;
                        /** @description credits */
                        amount: string;
                        /** @description when it ends; null: never */
                        expiresAt: string | null;
                        /** @description after debt was paid from it */
                        remaining: string;
                        /** @description credits of it that paid debt */
                        debtPaid: string;
                        /** @description credits that can be spent now */
                        available: string;
                    };
                };
            };
            /** @description Recorded for good, and about to be done. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that pays */
                        account: string;
                        /**
                         * @description where it stands
                         * @constant
                         */
                        status: "pending";
                    };
                };
            };
        };
    };
    revokeGrant: {
        parameters: {
            query?: {
                /** @description why; it is kept with the change */
                reason?: string;
            };
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
                /** @description `wait=ledger`: the answer comes when the entry is in Postgres, with `Preference-Applied: wait=ledger`, or after a second without that header */
                Prefer?: string;
            };
            path: {
                /** @description the id of the grant */
                grantId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that pays */
                        account: string;
                        /** @description what was left and available */
                        revoked: string;
                        /** @description credits that can be spent now */
                        available: string;
                    };
                };
            };
            /** @description Recorded for good, and about to be done. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that pays */
                        account: string;
                        /**
                         * @description where it stands
                         * @constant
                         */
                        status: "pending";
                    };
                };
            };
        };
    };
    refund: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
                /** @description `wait=ledger`: the answer comes when the entry is in Postgres, with `Preference-Applied: wait=ledger`, or after a second without that header */
                Prefer?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description the account that pays; by default the own one, or the payer of the API key */
                    account?: string;
                    /** @description what is refunded: exactly one of these */
                    of: {
                        /** @description the id of a hold that has ended */
                        hold?: string;
                        /** @description the number of an entry of the account: a charge, or an end of a hold */
                        entry?: number;
                        /** @description the Idempotency-Key of a charge that you made */
                        charge?: string;
                    };
                    /** @description at most what is left of it; without it, all that is left: decimal text such as `"2.5"`, or a number; at most six decimals */
                    amount?: string | number;
                    /** @description why; kept with the entry */
                    reason: string;
                    /**
                     * @description days that credits live whose lot has ended; 0: they expire at once
                     * @default 30
                     */
                    lotGraceDays?: number;
                };
            };
        };
        responses: {
            /** @description Done; something new is there. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that pays */
                        account: string;
                        /** @description the member of the pool `account` that spent it */
                        spender?: string;
                        /** @description credits */
                        amount: string;
                        /** @description of it, after this refund */
                        left: string;
                        /**
                         * @description where it stands
                         * @constant
                         */
                        state: "refunded";
                        /** @description the part that paid debt */
                        debtPaid: string;
                        /** @description the part that expired at once */
                        expired: string;
                        /** @description of the account, right after it */
                        available: string;
                    };
                };
            };
            /** @description Recorded for good, and about to be done. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that pays */
                        account: string;
                        /** @description the member of the pool `account` that spent it */
                        spender?: string;
                        /** @description credits */
                        amount: string;
                        /** @description of it, after this refund */
                        left: string;
                        /**
                         * @description where it stands
                         * @constant
                         */
                        state: "pending";
                    };
                };
            };
        };
    };
    transferCredits: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
                /** @description `wait=ledger`: the answer comes when the entry is in Postgres, with `Preference-Applied: wait=ledger`, or after a second without that header */
                Prefer?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description the account that gives */
                    from: string;
                    /** @description the account that gets */
                    to: string;
                    /** @description above zero: decimal text such as `"2.5"`, or a number; at most six decimals */
                    amount: string | number;
                    /** @description why; kept with both entries */
                    reason: string;
                    /** @description without it, what arrives keeps the expiry of the lots that it came from */
                    expiresAt?: string | null;
                };
            };
        };
        responses: {
            /** @description Done; something new is there. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that gives */
                        from: string;
                        /** @description the account that gets */
                        to: string;
                        /** @description credits */
                        amount: string;
                        /** @description why, as the caller told it */
                        reason: string;
                        /**
                         * @description where it stands
                         * @enum {unknown}
                         */
                        state: "pending" | "completed" | "refused";
                        /** @description why nothing was moved; null: it was, or will be */
                        refusal: ("insufficient_credits" | "account_frozen") | null;
                        /** @description what arrives keeps the expiry of the lots that it came from */
                        keepsExpiry: boolean;
                        /** @description when it ends; null: never */
                        expiresAt: string | null;
                        /**
                         * Format: date-time
                         * @description when it was made
                         */
                        createdAt: string;
                        /** @description when it ended; null: not yet */
                        endedAt: string | null;
                    };
                };
            };
            /** @description Recorded for good, and about to be done. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that gives */
                        from: string;
                        /** @description the account that gets */
                        to: string;
                        /** @description credits */
                        amount: string;
                        /** @description why, as the caller told it */
                        reason: string;
                        /**
                         * @description where it stands
                         * @enum {unknown}
                         */
                        state: "pending" | "completed" | "refused";
                        /** @description why nothing was moved; null: it was, or will be */
                        refusal: ("insufficient_credits" | "account_frozen") | null;
                        /** @description what arrives keeps the expiry of the lots that it came from */
                        keepsExpiry: boolean;
                        /** @description when it ends; null: never */
                        expiresAt: string | null;
                        /**
                         * Format: date-time
                         * @description when it was made
                         */
                        createdAt: string;
                        /** @description when it ended; null: not yet */
                        endedAt: string | null;
                    };
                };
            };
        };
    };
    getTransfer: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description which one */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that gives */
                        from: string;
                        /** @description the account that gets */
                        to: string;
                        /** @description credits */
                        amount: string;
                        /** @description why, as the caller told it */
                        reason: string;
                        /**
                         * @description where it stands
                         * @enum {unknown}
                         */
                        state: "pending" | "completed" | "refused";
                        /** @description why nothing was moved; null: it was, or will be */
                        refusal: ("insufficient_credits" | "account_frozen") | null;
                        /** @description what arrives keeps the expiry of the lots that it came from */
                        keepsExpiry: boolean;
                        /** @description when it ends; null: never */
                        expiresAt: string | null;
                        /**
                         * Format: date-time
                         * @description when it was made
                         */
                        createdAt: string;
                        /** @description when it ended; null: not yet */
                        endedAt: string | null;
                    };
                };
            };
        };
    };
    explainSpending: {
        parameters: {
            query?: {
                /** @description with tokens: at its price */
                model?: string;
                /** @description tokens of all of the prompt */
                inputTokens?: number;
                /** @description tokens of the answer */
                maxOutputTokens?: number;
                /** @description instead of tokens: credits: decimal text such as `"2.5"`, or a number; at most six decimals */
                amount?: string | number;
                /** @description who spends */
                spender?: string;
                /** @description which limits and lots match */
                feature?: string;
                /** @description the name of the API key */
                key?: string;
            };
            header?: never;
            path: {
                /** @description the account that pays */
                accountId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description who pays: of a member, its pool */
                        account: string;
                        /** @description under which name it is spent */
                        spender: string;
                        /** @description whether it would pass now */
                        passes: boolean;
                        /** @description credits that were asked for */
                        required: string;
                        /** @description credits that can be spent now */
                        available: string;
                        /** @description the part of it that is for this model and feature, or for anything */
                        usable: string;
                        /** @description credits that open holds keep */
                        held: string;
                        /** @description credits that are owed: the next grant pays them first */
                        debt: string;
                        /** @description what would refuse it; null: nothing */
                        refusedBy: {
                            /**
                             * @description what happened
                             * @enum {unknown}
                             */
                            kind: "frozen" | "balance" | "restriction" | "limit" | "max_hold";
                            /** @description the limit */
                            limit: string | null;
                            /** @description credits that are missing */
                            shortBy: string | null;
                            /** @description when the window ends and the amount is there again; null: never */
                            resetsAt: string | null;
                        } | null;
                        /** @description by what holds are placed now: the terms of the account, or else of the gateway */
                        terms: {
                            /** @description the most that one hold may have; null: any amount */
                            maxHold: string | null;
                            /**
                             * @description what pays for usage beyond the hold
                             * @enum {unknown}
                             */
                            overCapture: "debt" | "available" | "cap";
                            /** @description of overCapture debt; null: none */
                            debtLimit: string | null;
                        };
                        /** @description those that match */
                        limits: {
                            /** @description names it */
                            id: string;
                            /** @description whether it refuses or warns */
                            mode: string;
                            /** @description spent and held in this window */
                            used: string;
                            /** @description credits that are left */
                            remaining: string;
                            /** @description when the window ends and the amount is there again; null: never */
                            resetsAt: string | null;
                        }[];
                        /** @description who froze it, when and why */
                        freeze: {
                            /** @description who did it; null: the gateway */
                            actor: string | null;
                            /** @description why, as the caller told it */
                            reason: string | null;
                            /**
                             * Format: date-time
                             * @description when it happened
                             */
                            at: string;
                        } | null;
                        /** @description credits that expired lately, latest first */
                        expired: {
                            /** @description credits */
                            amount: string;
                            /**
                             * Format: date-time
                             * @description when it happened
                             */
                            at: string;
                        }[];
                    };
                };
            };
        };
    };
    listLimits: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the account that pays */
                accountId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description one page */
                        data: {
                            /** @description names it */
                            id: string;
                            /** @description the account that pays */
                            account: string;
                            /** @description of one window */
                            amount: string;
                            /**
                             * @description the length of the window
                             * @enum {unknown}
                             */
                            period: "minute" | "hour" | "day" | "week" | "month" | "total";
                            /**
                             * @description how the window moves
                             * @enum {unknown}
                             */
                            window: "calendar" | "rolling";
                            /** @description of a calendar window */
                            timeZone: string | null;
                            /** @description what is counted; absent members match everything */
                            match: {
                                /** @description under which name it is spent */
                                spender?: string;
                                /** @description the model */
                                model?: string;
                                /** @description the feature */
                                feature?: string;
                                /** @description the name of the API key */
                                key?: string;
                            };
                            /**
                             * @description whether it refuses or warns
                             * @enum {unknown}
                             */
                            mode: "refuse" | "warn";
                        }[];
                        /** @description for the next page; null on the last one */
                        nextCursor: string | null;
                    };
                };
            };
        };
    };
    getLimit: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the account that pays */
                accountId: string;
                /** @description the name of the limit */
                limitId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that pays */
                        account: string;
                        /** @description of one window */
                        amount: string;
                        /**
                         * @description the length of the window
                         * @enum {unknown}
                         */
                        period: "minute" | "hour" | "day" | "week" | "month" | "total";
                        /**
                         * @description how the window moves
                         * @enum {unknown}
                         */
                        window: "calendar" | "rolling";
                        /** @description of a calendar window */
                        timeZone: string | null;
                        /** @description what is counted; absent members match everything */
                        match: {
                            /** @description under which name it is spent */
                            spender?: string;
                            /** @description the model */
                            model?: string;
                            /** @description the feature */
                            feature?: string;
                            /** @description the name of the API key */
                            key?: string;
                        };
                        /**
                         * @description whether it refuses or warns
                         * @enum {unknown}
                         */
                        mode: "refuse" | "warn";
                    };
                };
            };
        };
    };
    putLimit: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` that was read, or `*` for any: 412 when it is another one by now */
                "If-Match"?: string;
                /** @description `*`: only if there is none yet */
                "If-None-Match"?: string;
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the account that pays */
                accountId: string;
                /** @description the name of the limit */
                limitId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description credits that one window allows: decimal text such as `"2.5"`, or a number; at most six decimals */
                    amount: string | number;
                    /**
                     * @description how long a window is; `total`: one that never ends
                     * @enum {unknown}
                     */
                    period: "minute" | "hour" | "day" | "week" | "month" | "total";
                    /**
                     * @description `calendar` by default; a rolling month is 30 days
                     * @enum {unknown}
                     */
                    window?: "calendar" | "rolling";
                    /** @description IANA name of the zone of a calendar window; `UTC` by default */
                    timeZone?: string;
                    /** @description what is counted; absent members match everything */
                    match?: {
                        /** @description only what this spender uses; `*`: each spender has the amount */
                        spender?: string;
                        /** @description only uses of this model, as the caller names it */
                        model?: string;
                        /** @description only uses of this feature */
                        feature?: string;
                        /** @description only what comes with the API key of this name */
                        key?: string;
                    };
                    /**
                     * @description `refuse` by default; `warn` refuses nothing and is told by entries
                     * @enum {unknown}
                     */
                    mode?: "refuse" | "warn";
                    /** @description why; kept with the change. Operators must say it */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that pays */
                        account: string;
                        /** @description of one window */
                        amount: string;
                        /**
                         * @description the length of the window
                         * @enum {unknown}
                         */
                        period: "minute" | "hour" | "day" | "week" | "month" | "total";
                        /**
                         * @description how the window moves
                         * @enum {unknown}
                         */
                        window: "calendar" | "rolling";
                        /** @description of a calendar window */
                        timeZone: string | null;
                        /** @description what is counted; absent members match everything */
                        match: {
                            /** @description under which name it is spent */
                            spender?: string;
                            /** @description the model */
                            model?: string;
                            /** @description the feature */
                            feature?: string;
                            /** @description the name of the API key */
                            key?: string;
                        };
                        /**
                         * @description whether it refuses or warns
                         * @enum {unknown}
                         */
                        mode: "refuse" | "warn";
                    };
                };
            };
            /** @description Done; something new is there. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that pays */
                        account: string;
                        /** @description of one window */
                        amount: string;
                        /**
                         * @description the length of the window
                         * @enum {unknown}
                         */
                        period: "minute" | "hour" | "day" | "week" | "month" | "total";
                        /**
                         * @description how the window moves
                         * @enum {unknown}
                         */
                        window: "calendar" | "rolling";
                        /** @description of a calendar window */
                        timeZone: string | null;
                        /** @description what is counted; absent members match everything */
                        match: {
                            /** @description under which name it is spent */
                            spender?: string;
                            /** @description the model */
                            model?: string;
                            /** @description the feature */
                            feature?: string;
                            /** @description the name of the API key */
                            key?: string;
                        };
                        /**
                         * @description whether it refuses or warns
                         * @enum {unknown}
                         */
                        mode: "refuse" | "warn";
                    };
                };
            };
            /** @description Recorded for good, and about to be done. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the account that pays */
                        account: string;
                        /** @description of one window */
                        amount: string;
                        /**
                         * @description the length of the window
                         * @enum {unknown}
                         */
                        period: "minute" | "hour" | "day" | "week" | "month" | "total";
                        /**
                         * @description how the window moves
                         * @enum {unknown}
                         */
                        window: "calendar" | "rolling";
                        /** @description of a calendar window */
                        timeZone: string | null;
                        /** @description what is counted; absent members match everything */
                        match: {
                            /** @description under which name it is spent */
                            spender?: string;
                            /** @description the model */
                            model?: string;
                            /** @description the feature */
                            feature?: string;
                            /** @description the name of the API key */
                            key?: string;
                        };
                        /**
                         * @description whether it refuses or warns
                         * @enum {unknown}
                         */
                        mode: "refuse" | "warn";
                    } & {
                        /**
                         * @description false: it applies when Redis is back
                         * @constant
                         */
                        applied: false;
                    };
                };
            };
        };
    };
    removeLimit: {
        parameters: {
            query?: {
                /** @description why; kept with the change. Operators must say it */
                reason?: string;
            };
            header?: {
                /** @description the `ETag` that was read, or `*` for any: 412 when it is another one by now */
                "If-Match"?: string;
                /** @description `*`: only if there is none yet */
                "If-None-Match"?: string;
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the account that pays */
                accountId: string;
                /** @description the name of the limit */
                limitId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Recorded for good, and about to be done. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description false: it applies when Redis is back
                         * @constant
                         */
                        applied: false;
                    };
                };
            };
            /** @description Done; there is nothing to say. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    getTerms: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the account that pays */
                accountId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the account that pays */
                        account: string;
                        /** @description null: what the gateway allows */
                        maxHold: string | null;
                        /** @description null: that of the gateway */
                        overCapture: ("debt" | "available" | "cap") | null;
                        /** @description null: that of the gateway */
                        debtLimit: string | null;
                        /** @description why they were changed last; null to a user */
                        reason: string | null;
                        /** @description null to a user */
                        changedBy: string | null;
                        /**
                         * Format: date-time
                         * @description when it was changed last
                         */
                        changedAt: string;
                    };
                };
            };
        };
    };
    putTerms: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` that was read, or `*` for any: 412 when it is another one by now */
                "If-Match"?: string;
                /** @description `*`: only if there is none yet */
                "If-None-Match"?: string;
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the account that pays */
                accountId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description credits that one hold may reserve; null: no bound of its own */
                    maxHold?: (string | number) | null;
                    /** @description what pays for usage beyond the hold */
                    overCapture?: ("debt" | "available" | "cap") | null;
                    /** @description credits that may be owed; null: no bound of its own */
                    debtLimit?: (string | number) | null;
                    /** @description why; kept with the entry. Operators must say it for the account of another */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the account that pays */
                        account: string;
                        /** @description null: what the gateway allows */
                        maxHold: string | null;
                        /** @description null: that of the gateway */
                        overCapture: ("debt" | "available" | "cap") | null;
                        /** @description null: that of the gateway */
                        debtLimit: string | null;
                        /** @description why they were changed last; null to a user */
                        reason: string | null;
                        /** @description null to a user */
                        changedBy: string | null;
                        /**
                         * Format: date-time
                         * @description when it was changed last
                         */
                        changedAt: string;
                    };
                };
            };
            /** @description Done; something new is there. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the account that pays */
                        account: string;
                        /** @description null: what the gateway allows */
                        maxHold: string | null;
                        /** @description null: that of the gateway */
                        overCapture: ("debt" | "available" | "cap") | null;
                        /** @description null: that of the gateway */
                        debtLimit: string | null;
                        /** @description why they were changed last; null to a user */
                        reason: string | null;
                        /** @description null to a user */
                        changedBy: string | null;
                        /**
                         * Format: date-time
                         * @description when it was changed last
                         */
                        changedAt: string;
                    };
                };
            };
            /** @description Recorded for good, and about to be done. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the account that pays */
                        account: string;
                        /** @description null: what the gateway allows */
                        maxHold: string | null;
                        /** @description null: that of the gateway */
                        overCapture: ("debt" | "available" | "cap") | null;
                        /** @description null: that of the gateway */
                        debtLimit: string | null;
                        /** @description why they were changed last; null to a user */
                        reason: string | null;
                        /** @description null to a user */
                        changedBy: string | null;
                        /**
                         * Format: date-time
                         * @description when it was changed last
                         */
                        changedAt: string;
                    } & {
                        /**
                         * @description false: it applies when Redis is back
                         * @constant
                         */
                        applied: false;
                    };
                };
            };
        };
    };
    removeTerms: {
        parameters: {
            query?: {
                /** @description why; kept */
                reason?: string;
            };
            header?: {
                /** @description the `ETag` that was read, or `*` for any: 412 when it is another one by now */
                "If-Match"?: string;
                /** @description `*`: only if there is none yet */
                "If-None-Match"?: string;
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the account that pays */
                accountId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Recorded for good, and about to be done. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description false: it applies when Redis is back
                         * @constant
                         */
                        applied: false;
                    };
                };
            };
            /** @description Done; there is nothing to say. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    listMembers: {
        parameters: {
            query?: {
                /** @description at most this many items of one page */
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /** @description the pool: the account that pays */
                accountId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description one page */
                        data: {
                            /** @description the pool */
                            account: string;
                            /** @description under which name it is spent */
                            spender: string;
                            /**
                             * Format: date-time
                             * @description when it was added
                             */
                            addedAt: string;
                        }[];
                        /** @description for the next page; null on the last one */
                        nextCursor: string | null;
                    };
                };
            };
        };
    };
    getMember: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the pool: the account that pays */
                accountId: string;
                /** @description the account that spends from the pool under its own name */
                spender: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the pool */
                        account: string;
                        /** @description under which name it is spent */
                        spender: string;
                        /**
                         * Format: date-time
                         * @description when it was added
                         */
                        addedAt: string;
                    };
                };
            };
        };
    };
    putMember: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` that was read, or `*` for any: 412 when it is another one by now */
                "If-Match"?: string;
                /** @description `*`: only if there is none yet */
                "If-None-Match"?: string;
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the pool: the account that pays */
                accountId: string;
                /** @description the account that spends from the pool under its own name */
                spender: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description why; kept with the change. Operators must say it */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the pool */
                        account: string;
                        /** @description under which name it is spent */
                        spender: string;
                        /**
                         * Format: date-time
                         * @description when it was added
                         */
                        addedAt: string;
                    };
                };
            };
            /** @description Done; something new is there. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the pool */
                        account: string;
                        /** @description under which name it is spent */
                        spender: string;
                        /**
                         * Format: date-time
                         * @description when it was added
                         */
                        addedAt: string;
                    };
                };
            };
        };
    };
    removeMember: {
        parameters: {
            query?: {
                /** @description why; kept with the change. Operators must say it */
                reason?: string;
            };
            header?: {
                /** @description the `ETag` that was read, or `*` for any: 412 when it is another one by now */
                "If-Match"?: string;
                /** @description `*`: only if there is none yet */
                "If-None-Match"?: string;
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the pool: the account that pays */
                accountId: string;
                /** @description the account that spends from the pool under its own name */
                spender: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; there is nothing to say. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    getAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description its id; operators may also give a username or an e-mail */
                accountId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the account that pays */
                        account: string;
                        /** @description the last entry of its ledger */
                        seq: number;
                        /** @description what can be spent */
                        available: string;
                        /** @description the part of it that is for some models or features only */
                        restricted: string;
                        /** @description in open holds */
                        held: string;
                        /** @description owed; the next grant pays it first */
                        debt: string;
                        /** @description credits in all, since the account exists */
                        totals: {
                            /** @description credits that were granted */
                            granted: string;
                            /** @description credits that were charged */
                            captured: string;
                            /** @description credits that ended with their lot */
                            expired: string;
                            /** @description credits that were taken away without usage */
                            removed: string;
                            /** @description credits of usage that nothing paid */
                            uncollected: string;
                        };
                        /** @description whether every write is refused */
                        frozen: boolean;
                        /** @description who froze it, when and why */
                        freeze: {
                            /** @description who did it; null: the gateway */
                            actor: string | null;
                            /** @description why, as the caller told it */
                            reason: string | null;
                            /**
                             * Format: date-time
                             * @description when it happened
                             */
                            at: string;
                        } | null;
                        /** @description live ones, in the order in which they are spent */
                        lots: {
                            /** @description names it */
                            id: string;
                            /** @description credits */
                            amount: string;
                            /** @description credits that are left */
                            remaining: string;
                            /** @description credits that open holds keep */
                            held: string;
                            /** @description a number: lots of a lower one are used first */
                            priority: number;
                            /** @description what it can be used for; null: for anything */
                            restrictTo: {
                                /** @description the models for which it may be spent */
                                models?: string[];
                                /** @description the features for which it may be spent */
                                features?: string[];
                            } | null;
                            /**
                             * Format: date-time
                             * @description when it was granted
                             */
                            grantedAt: string;
                            /** @description when it ends; null: never */
                            expiresAt: string | null;
                        }[];
                        /** @description open ones, at most 1000 */
                        holds: {
                            /** @description names it */
                            id: string;
                            /** @description credits */
                            amount: string;
                            /**
                             * Format: date-time
                             * @description when it was placed
                             */
                            placedAt: string;
                            /**
                             * Format: date-time
                             * @description when the hold ends by itself
                             */
                            leaseEndsAt: string;
                            /** @description the price that applies */
                            price: string;
                        }[];
                    };
                };
            };
        };
    };
    getBalance: {
        parameters: {
            query?: {
                /** @description when; not in the future. Without it: now: RFC 3339, such as 2026-01-31T12:00:00Z */
                at?: string;
            };
            header?: never;
            path: {
                /** @description the account */
                accountId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the account that pays */
                        account: string;
                        /**
                         * Format: date-time
                         * @description when it happened
                         */
                        at: string;
                        /** @description credits that can be spent now */
                        available: string;
                        /** @description credits that open holds keep */
                        held: string;
                        /** @description credits that are owed: the next grant pays them first */
                        debt: string;
                        /** @description credits in all, since the account exists */
                        totals: {
                            /** @description since the account began */
                            granted: string;
                            /** @description since the account began */
                            captured: string;
                            /** @description since the account began */
                            expired: string;
                            /** @description since the account began */
                            removed: string;
                            /** @description since the account began */
                            uncollected: string;
                        };
                        /** @description number of the last entry that is counted; 0 before the first */
                        entry: number;
                        /**
                         * Format: date-time
                         * @description every entry up to here is counted; earlier than `at` while the ledger lags
                         */
                        asOf: string;
                    };
                };
            };
        };
    };
    listLots: {
        parameters: {
            query?: {
                /** @description at most this many items of one page */
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description those that something is left of, which is the default, or all */
                state?: "live" | "all" | "";
            };
            header?: never;
            path: {
                /** @description its id; operators may also give a username or an e-mail */
                accountId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description one page */
                        data: {
                            /** @description of a grant: its id */
                            id: string;
                            /** @description what happened */
                            kind: string;
                            /** @description where the credits come from */
                            source: string | null;
                            /** @description why, as the caller told it */
                            reason: string | null;
                            /** @description credits */
                            amount: string;
                            /** @description available */
                            remaining: string;
                            /** @description in open holds */
                            held: string;
                            /** @description a number: lots of a lower one are used first */
                            priority: number;
                            /** @description what it can be used for; null: for anything */
                            restrictTo: {
                                /** @description the models for which it may be spent */
                                models?: string[];
                                /** @description the features for which it may be spent */
                                features?: string[];
                            } | null;
                            /**
                             * Format: date-time
                             * @description when it was granted
                             */
                            grantedAt: string;
                            /** @description when it ends; null: never */
                            expiresAt: string | null;
                            /** @description when nothing was left of it; null: something is */
                            closedAt: string | null;
                            /** @description `seq` of the entry that opened it */
                            entry: number;
                        }[];
                        /** @description for the next page; null on the last one */
                        nextCursor: string | null;
                    };
                };
            };
        };
    };
    listEntriesOfAccount: {
        parameters: {
            query?: {
                /** @description at most this many items of one page */
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /** @description its id; operators may also give a username or an e-mail */
                accountId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description one page */
                        data: {
                            /** @description the number of the entry in the ledger of the account */
                            seq: number;
                            /**
                             * Format: date-time
                             * @description when it happened
                             */
                            at: string;
                            /** @description what happened */
                            kind: string;
                            /** @description the id of the hold */
                            hold: string | null;
                            /** @description the price that applies */
                            price: string | null;
                            /** @description `seq` of the end of the hold that this entry adds to */
                            corrects: number | null;
                            /** @description credits that can be spent now */
                            available: string;
                            /** @description credits that open holds keep */
                            held: string;
                            /** @description credits that are owed: the next grant pays them first */
                            debt: string;
                            /** @description credits that were granted */
                            granted: string;
                            /** @description credits that were charged */
                            captured: string;
                            /** @description credits that ended with their lot */
                            expired: string;
                            /** @description credits that were taken away without usage */
                            removed: string;
                            /** @description credits of usage that nothing paid */
                            uncollected: string;
                            /** @description credits that could be spent after it */
                            availableAfter: string;
                            /** @description credits that open holds kept after it */
                            heldAfter: string;
                            /** @description credits that were owed after it */
                            debtAfter: string;
                            /** @description where the credits come from */
                            source: string | null;
                            /** @description why, as the caller told it */
                            reason: string | null;
                        }[];
                        /** @description for the next page; null on the last one */
                        nextCursor: string | null;
                    };
                    "text/csv": string;
                    "application/x-ndjson": string;
                };
            };
        };
    };
    getReceipt: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description its id; operators may also give a username or an e-mail */
                accountId: string;
                /** @description the number of the entry in the ledger of the account */
                seq: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the number of the entry in the ledger of the account */
                        seq: number;
                        /**
                         * Format: date-time
                         * @description when it happened
                         */
                        at: string;
                        /** @description what happened */
                        kind: string;
                        /** @description the id of the hold */
                        hold: string | null;
                        /** @description the price that applies */
                        price: string | null;
                        /** @description `seq` of the end of the hold that this entry adds to */
                        corrects: number | null;
                        /** @description credits that can be spent now */
                        available: string;
                        /** @description credits that open holds keep */
                        held: string;
                        /** @description credits that are owed: the next grant pays them first */
                        debt: string;
                        /** @description credits that were granted */
                        granted: string;
                        /** @description credits that were charged */
                        captured: string;
                        /** @description credits that ended with their lot */
                        expired: string;
                        /** @description credits that were taken away without usage */
                        removed: string;
                        /** @description credits of usage that nothing paid */
                        uncollected: string;
                        /** @description credits that could be spent after it */
                        availableAfter: string;
                        /** @description credits that open holds kept after it */
                        heldAfter: string;
                        /** @description credits that were owed after it */
                        debtAfter: string;
                        /** @description where the credits come from */
                        source: string | null;
                        /** @description why, as the caller told it */
                        reason: string | null;
                        /** @description the part of `captured` beyond the hold */
                        overage: string;
                        /** @description the lots that it changed, and by how much */
                        lots: {
                            /** @description names it */
                            id: string;
                            /** @description credits that can be spent now */
                            available: string;
                            /** @description credits that open holds keep */
                            held: string;
                            /** @description whether the entry made the lot */
                            opened: boolean;
                        }[];
                        /** @description what was used, at the prices of then */
                        usages: {
                            /** @description as it was asked for */
                            model: string;
                            /** @description credits */
                            amount: string;
                            /** @description the price that applies */
                            price: {
                                /** @description the price book */
                                book: string;
                                /** @description the provider of the model; empty: any */
                                provider: string;
                                /** @description the entry of the book that prices it */
                                model: string;
                                /** @description the version of the price */
                                version: number;
                                /** @description why this entry prices it */
                                rule: string;
                                /** @description whether it is the default for models without a price */
                                isDefault: boolean;
                            };
                            /** @description the parts of the amount */
                            components: {
                                /** @description the class of the tokens */
                                tokenClass: string;
                                /** @description how many tokens were used */
                                tokens: number;
                                /** @description credits for `per` of them */
                                rate: string;
                                /** @description how many units the rate is for */
                                per: number;
                                /** @description credits */
                                amount: string;
                                /** @description the class whose price stands in; the same class where it has a price */
                                pricedAs: string | null;
                                /** @description the length of the prompt, in tokens, above which the price applies */
                                aboveInputTokens: number;
                                /** @description the service tier that the price is for */
                                serviceTier: string;
                            }[];
                            /** @description credits that are added to the price */
                            margin: {
                                /** @description percent */
                                percent: string;
                                /** @description credits */
                                amount: string;
                            };
                            /** @description credits that rounding added */
                            rounding: {
                                /** @description to what it was rounded up */
                                upTo: string;
                                /** @description credits */
                                amount: string;
                            };
                        }[];
                        /** @description what else was told of it: actor, feature, metadata */
                        facts: {
                            [key: string]: unknown;
                        };
                        /** @description all entries of its hold so far, oldest first */
                        timeline: {
                            /** @description the number of the entry in the ledger of the account */
                            seq: number;
                            /**
                             * Format: date-time
                             * @description when it happened
                             */
                            at: string;
                            /** @description what happened */
                            kind: string;
                            /** @description the id of the hold */
                            hold: string | null;
                            /** @description the price that applies */
                            price: string | null;
                            /** @description `seq` of the end of the hold that this entry adds to */
                            corrects: number | null;
                            /** @description credits that can be spent now */
                            available: string;
                            /** @description credits that open holds keep */
                            held: string;
                            /** @description credits that are owed: the next grant pays them first */
                            debt: string;
                            /** @description credits that were granted */
                            granted: string;
                            /** @description credits that were charged */
                            captured: string;
                            /** @description credits that ended with their lot */
                            expired: string;
                            /** @description credits that were taken away without usage */
                            removed: string;
                            /** @description credits of usage that nothing paid */
                            uncollected: string;
                            /** @description credits that could be spent after it */
                            availableAfter: string;
                            /** @description credits that open holds kept after it */
                            heldAfter: string;
                            /** @description credits that were owed after it */
                            debtAfter: string;
                            /** @description where the credits come from */
                            source: string | null;
                            /** @description why, as the caller told it */
                            reason: string | null;
                        }[];
                    };
                };
            };
        };
    };
    listEntries: {
        parameters: {
            query?: {
                /** @description at most this many items of one page */
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description one page */
                        data: {
                            /** @description the number of the entry in the ledger of the account */
                            seq: number;
                            /**
                             * Format: date-time
                             * @description when it happened
                             */
                            at: string;
                            /** @description what happened */
                            kind: string;
                            /** @description the id of the hold */
                            hold: string | null;
                            /** @description the price that applies */
                            price: string | null;
                            /** @description `seq` of the end of the hold that this entry adds to */
                            corrects: number | null;
                            /** @description credits that can be spent now */
                            available: string;
                            /** @description credits that open holds keep */
                            held: string;
                            /** @description credits that are owed: the next grant pays them first */
                            debt: string;
                            /** @description credits that were granted */
                            granted: string;
                            /** @description credits that were charged */
                            captured: string;
                            /** @description credits that ended with their lot */
                            expired: string;
                            /** @description credits that were taken away without usage */
                            removed: string;
                            /** @description credits of usage that nothing paid */
                            uncollected: string;
                            /** @description credits that could be spent after it */
                            availableAfter: string;
                            /** @description credits that open holds kept after it */
                            heldAfter: string;
                            /** @description credits that were owed after it */
                            debtAfter: string;
                            /** @description where the credits come from */
                            source: string | null;
                            /** @description why, as the caller told it */
                            reason: string | null;
                        }[];
                        /** @description for the next page; null on the last one */
                        nextCursor: string | null;
                    };
                    "text/csv": string;
                    "application/x-ndjson": string;
                };
            };
        };
    };
    getUsage: {
        parameters: {
            query?: {
                /** @description only of this account. Without it: of a user the own one, otherwise all that the caller may read */
                account?: string;
                /** @description the length of a bucket; `day` by default */
                interval?: "minute" | "hour" | "day" | "week" | "month" | "";
                /** @description from when, its whole minute included: RFC 3339, such as 2026-01-31T12:00:00Z */
                from?: string;
                /** @description before when, its whole minute included; by default now: RFC 3339, such as 2026-01-31T12:00:00Z */
                to?: string;
                /** @description IANA name of the zone in which buckets begin; `UTC` by default */
                timeZone?: string;
                /** @description a bucket each: account, model, feature, spender, key, reason, with commas between them */
                groupBy?: string;
                /** @description only of this model; empty: of none */
                model?: string;
                /** @description only of this feature; empty: of none */
                feature?: string;
                /** @description only of this spender; empty: of none */
                spender?: string;
                /** @description only of this API key; empty: of none */
                key?: string;
                /** @description only of this reason; empty: of none */
                reason?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * Format: date-time
                         * @description the account that gives
                         */
                        from: string;
                        /**
                         * Format: date-time
                         * @description the account that gets
                         */
                        to: string;
                        /** @description how long a row is */
                        interval: string;
                        /** @description the time zone of calendar windows, as in `Europe/Berlin` */
                        timeZone: string;
                        /** @description only buckets with usage, in the order of time */
                        data: {
                            /**
                             * Format: date-time
                             * @description when the row begins
                             */
                            start: string;
                            /** @description with `groupBy`; null: not known */
                            account?: string | null;
                            /** @description with `groupBy`; null: not known */
                            model?: string | null;
                            /** @description with `groupBy`; null: not known */
                            feature?: string | null;
                            /** @description with `groupBy`; null: not known */
                            spender?: string | null;
                            /** @description with `groupBy`; null: not known */
                            key?: string | null;
                            /** @description with `groupBy`; null: not known */
                            reason?: string | null;
                            /** @description how many settlements and charges */
                            uses: number;
                            /** @description how many tokens were used */
                            tokens: number;
                            /** @description how many tokens; 0 where only their sum was told */
                            inputTokens: number;
                            /** @description how many tokens were generated */
                            outputTokens: number;
                            /** @description charged; below zero where more was given back */
                            captured: string;
                            /** @description used, and could not be charged */
                            uncollected: string;
                        }[];
                        /** @description ask with it for the next page; null: this was the last */
                        nextCursor: null;
                    };
                    "text/csv": string;
                    "application/x-ndjson": string;
                };
            };
        };
    };
    listEvents: {
        parameters: {
            query?: {
                /** @description at most this many items of one page */
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description only of this account; a user's own by default, otherwise all that the caller may read */
                account?: string;
                /** @description only these types, separated by commas */
                type?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description one page */
                        data: {
                            /** @description the `webhook-id` of its deliveries */
                            id: string;
                            /**
                             * @description what happened
                             * @enum {unknown}
                             */
                            type: "balance.low" | "limit.reached" | "limit.warned" | "lot.expiring" | "hold.expired" | "debt.incurred" | "account.frozen" | "refill.granted";
                            /**
                             * Format: date-time
                             * @description when it happened
                             */
                            timestamp: string;
                            /** @description the account that pays */
                            account: string;
                            /** @description by type */
                            data: {
                                [key: string]: unknown;
                            };
                        }[];
                        /** @description always there: events never end */
                        nextCursor: string;
                    };
                };
            };
        };
    };
    getLowBalance: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description its id */
                accountId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the account that pays */
                        account: string;
                        /** @description `balance.low` when the balance falls below it */
                        amount: string;
                    };
                };
            };
        };
    };
    putLowBalance: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` that was read, or `*` for any: 412 when it is another one by now */
                "If-Match"?: string;
                /** @description `*`: only if there is none yet */
                "If-None-Match"?: string;
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description its id */
                accountId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description above zero: decimal text such as `"2.5"`, or a number; at most six decimals */
                    amount: string | number;
                    /** @description why; kept with the change. Operators must say it */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the account that pays */
                        account: string;
                        /** @description `balance.low` when the balance falls below it */
                        amount: string;
                    };
                };
            };
            /** @description Done; something new is there. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the account that pays */
                        account: string;
                        /** @description `balance.low` when the balance falls below it */
                        amount: string;
                    };
                };
            };
        };
    };
    removeLowBalance: {
        parameters: {
            query?: {
                /** @description why; kept with the change. Operators must say it */
                reason?: string;
            };
            header?: {
                /** @description the `ETag` that was read, or `*` for any: 412 when it is another one by now */
                "If-Match"?: string;
                /** @description `*`: only if there is none yet */
                "If-None-Match"?: string;
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description its id */
                accountId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; there is nothing to say. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    freezeAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description its id; operators may also give a username or an e-mail */
                accountId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description why, as the caller told it */
                    reason: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the account that pays */
                        account: string;
                        /** @description whether every write is refused */
                        frozen: boolean;
                        /** @description false: it already was in this state */
                        changed: boolean;
                    };
                };
            };
        };
    };
    thawAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description its id; operators may also give a username or an e-mail */
                accountId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description why, as the caller told it */
                    reason: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the account that pays */
                        account: string;
                        /** @description whether every write is refused */
                        frozen: boolean;
                        /** @description false: it already was in this state */
                        changed: boolean;
                    };
                };
            };
        };
    };
    listApiKeys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description one page */
                        data: {
                            /** @description names it */
                            id: string;
                            /** @description its name */
                            name: string;
                            /** @description how the key begins */
                            hint: string;
                            /** @description what the key may do */
                            scopes: string[];
                            /** @description the only accounts that it may act on begin with this */
                            accountPrefix: string | null;
                            /** @description the only account that it may act on */
                            payer: string | null;
                            /** @description requests per second; null: what the gateway allows a key */
                            rateLimit: number | null;
                            /** @description what all live keys of its name may spend together; null: no limit */
                            spendLimit: {
                                /** @description credits */
                                amount: string;
                                /**
                                 * @description the length of the window
                                 * @enum {unknown}
                                 */
                                period: "hour" | "day" | "week" | "month";
                                /** @description the time zone of calendar windows, as in `Europe/Berlin` */
                                timeZone: string;
                            } | null;
                            /** @description who made it */
                            createdBy: string;
                            /**
                             * Format: date-time
                             * @description when it was made
                             */
                            createdAt: string;
                            /** @description when it ends; null: never */
                            expiresAt: string | null;
                            /** @description when it was revoked; null: it is valid */
                            revokedAt: string | null;
                            /** @description when it was used last, to a minute or so */
                            lastUsedAt: string | null;
                        }[];
                        /** @description for the next page; null on the last one */
                        nextCursor: string | null;
                    };
                };
            };
        };
    };
    createApiKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description the service; limits match keys by it */
                    name: string;
                    /** @description what the key may do; `*` is all but `admin` */
                    scopes: ("credits-process" | "wallets" | "telemetry" | "holds" | "charges" | "grants" | "read" | "admin" | "*")[];
                    /** @description the only accounts that the key may act on begin with this */
                    accountPrefix?: string;
                    /** @description the only account that the key may act on */
                    payer?: string;
                    /** @description requests per second; null: what the gateway allows a key */
                    rateLimit?: number | null;
                    /** @description what all live keys of its name may spend together; null: no limit */
                    spendLimit?: {
                        /** @description credits that one window allows, in all accounts: decimal text such as `"2.5"`, or a number; at most six decimals */
                        amount: string | number;
                        /**
                         * @description of the calendar of the zone
                         * @enum {unknown}
                         */
                        period: "hour" | "day" | "week" | "month";
                        /** @description IANA name; `UTC` by default */
                        timeZone?: string;
                    } | null;
                    /** @description when it ends; null: never */
                    expiresAt?: string | null;
                    /** @description why; kept with the change. Operators must say it */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done; something new is there. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description its name */
                        name: string;
                        /** @description how the key begins */
                        hint: string;
                        /** @description what the key may do */
                        scopes: string[];
                        /** @description the only accounts that it may act on begin with this */
                        accountPrefix: string | null;
                        /** @description the only account that it may act on */
                        payer: string | null;
                        /** @description requests per second; null: what the gateway allows a key */
                        rateLimit: number | null;
                        /** @description what all live keys of its name may spend together; null: no limit */
                        spendLimit: {
                            /** @description credits */
                            amount: string;
                            /**
                             * @description the length of the window
                             * @enum {unknown}
                             */
                            period: "hour" | "day" | "week" | "month";
                            /** @description the time zone of calendar windows, as in `Europe/Berlin` */
                            timeZone: string;
                        } | null;
                        /** @description who made it */
                        createdBy: string;
                        /**
                         * Format: date-time
                         * @description when it was made
                         */
                        createdAt: string;
                        /** @description when it ends; null: never */
                        expiresAt: string | null;
                        /** @description when it was revoked; null: it is valid */
                        revokedAt: string | null;
                        /** @description when it was used last, to a minute or so */
                        lastUsedAt: string | null;
                        /** @description told this once; null in the answer to a repeat */
                        key: string | null;
                    };
                };
            };
        };
    };
    revokeApiKey: {
        parameters: {
            query?: {
                /** @description why; kept with the change. Operators must say it */
                reason?: string;
            };
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the id of the key */
                keyId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description its name */
                        name: string;
                        /** @description how the key begins */
                        hint: string;
                        /** @description what the key may do */
                        scopes: string[];
                        /** @description the only accounts that it may act on begin with this */
                        accountPrefix: string | null;
                        /** @description the only account that it may act on */
                        payer: string | null;
                        /** @description requests per second; null: what the gateway allows a key */
                        rateLimit: number | null;
                        /** @description what all live keys of its name may spend together; null: no limit */
                        spendLimit: {
                            /** @description credits */
                            amount: string;
                            /**
                             * @description the length of the window
                             * @enum {unknown}
                             */
                            period: "hour" | "day" | "week" | "month";
                            /** @description the time zone of calendar windows, as in `Europe/Berlin` */
                            timeZone: string;
                        } | null;
                        /** @description who made it */
                        createdBy: string;
                        /**
                         * Format: date-time
                         * @description when it was made
                         */
                        createdAt: string;
                        /** @description when it ends; null: never */
                        expiresAt: string | null;
                        /** @description when it was revoked; null: it is valid */
                        revokedAt: string | null;
                        /** @description when it was used last, to a minute or so */
                        lastUsedAt: string | null;
                    };
                };
            };
        };
    };
    changeApiKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the id of the key */
                keyId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description requests per second; null: what the gateway allows a key */
                    rateLimit?: number | null;
                    /** @description what all live keys of its name may spend together; null: no limit */
                    spendLimit?: {
                        /** @description credits that one window allows, in all accounts: decimal text such as `"2.5"`, or a number; at most six decimals */
                        amount: string | number;
                        /**
                         * @description of the calendar of the zone
                         * @enum {unknown}
                         */
                        period: "hour" | "day" | "week" | "month";
                        /** @description IANA name; `UTC` by default */
                        timeZone?: string;
                    } | null;
                    /** @description why; kept with the change. Operators must say it */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description its name */
                        name: string;
                        /** @description how the key begins */
                        hint: string;
                        /** @description what the key may do */
                        scopes: string[];
                        /** @description the only accounts that it may act on begin with this */
                        accountPrefix: string | null;
                        /** @description the only account that it may act on */
                        payer: string | null;
                        /** @description requests per second; null: what the gateway allows a key */
                        rateLimit: number | null;
                        /** @description what all live keys of its name may spend together; null: no limit */
                        spendLimit: {
                            /** @description credits */
                            amount: string;
                            /**
                             * @description the length of the window
                             * @enum {unknown}
                             */
                            period: "hour" | "day" | "week" | "month";
                            /** @description the time zone of calendar windows, as in `Europe/Berlin` */
                            timeZone: string;
                        } | null;
                        /** @description who made it */
                        createdBy: string;
                        /**
                         * Format: date-time
                         * @description when it was made
                         */
                        createdAt: string;
                        /** @description when it ends; null: never */
                        expiresAt: string | null;
                        /** @description when it was revoked; null: it is valid */
                        revokedAt: string | null;
                        /** @description when it was used last, to a minute or so */
                        lastUsedAt: string | null;
                    };
                };
            };
        };
    };
    rotateApiKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the id of the key */
                keyId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description when it ends; null: never */
                    expiresAt?: string | null;
                    /** @description why; kept with the change. Operators must say it */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done; something new is there. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description its name */
                        name: string;
                        /** @description how the key begins */
                        hint: string;
                        /** @description what the key may do */
                        scopes: string[];
                        /** @description the only accounts that it may act on begin with this */
                        accountPrefix: string | null;
                        /** @description the only account that it may act on */
                        payer: string | null;
                        /** @description requests per second; null: what the gateway allows a key */
                        rateLimit: number | null;
                        /** @description what all live keys of its name may spend together; null: no limit */
                        spendLimit: {
                            /** @description credits */
                            amount: string;
                            /**
                             * @description the length of the window
                             * @enum {unknown}
                             */
                            period: "hour" | "day" | "week" | "month";
                            /** @description the time zone of calendar windows, as in `Europe/Berlin` */
                            timeZone: string;
                        } | null;
                        /** @description who made it */
                        createdBy: string;
                        /**
                         * Format: date-time
                         * @description when it was made
                         */
                        createdAt: string;
                        /** @description when it ends; null: never */
                        expiresAt: string | null;
                        /** @description when it was revoked; null: it is valid */
                        revokedAt: string | null;
                        /** @description when it was used last, to a minute or so */
                        lastUsedAt: string | null;
                        /** @description told this once; null in the answer to a repeat */
                        key: string | null;
                    };
                };
            };
        };
    };
    listWebhooks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description one page */
                        data: {
                            /** @description names it */
                            id: string;
                            /** @description where events are sent */
                            url: string;
                            /** @description your own words for it */
                            description: string | null;
                            /** @description what it gets; empty: all */
                            events: ("balance.low" | "limit.reached" | "limit.warned" | "lot.expiring" | "hold.expired" | "debt.incurred" | "account.frozen" | "refill.granted")[];
                            /** @description the account that pays */
                            account: string | null;
                            /** @description the only accounts that it may act on begin with this */
                            accountPrefix: string | null;
                            /** @description credits below which `balance.low` is sent */
                            lowBalance: string | null;
                            /**
                             * @description where it stands
                             * @enum {unknown}
                             */
                            state: "enabled" | "disabled";
                            /** @description failures: five days without a success; gone: it answered 410 */
                            disabledReason: ("request" | "failures" | "gone") | null;
                            /** @description when it was disabled; null: it is enabled */
                            disabledAt: string | null;
                            /** @description since when no delivery arrived; null: the last one did */
                            failingSince: string | null;
                            /** @description until then the secret before signs, too */
                            previousSecretEndsAt: string | null;
                            /** @description who made it */
                            createdBy: string;
                            /**
                             * Format: date-time
                             * @description when it was made
                             */
                            createdAt: string;
                        }[];
                        /** @description for the next page; null on the last one */
                        nextCursor: string | null;
                    };
                };
            };
        };
    };
    createWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description https, on a public address */
                    url: string;
                    /** @description your own words for it */
                    description?: string;
                    /** @description what it gets; empty: all */
                    events?: ("balance.low" | "limit.reached" | "limit.warned" | "lot.expiring" | "hold.expired" | "debt.incurred" | "account.frozen" | "refill.granted")[];
                    /** @description only events of this account */
                    account?: string;
                    /** @description only events of accounts whose id begins with this */
                    accountPrefix?: string;
                    /** @description `balance.low` when an account falls below this; without it, below the account's own threshold: decimal text such as `"2.5"`, or a number; at most six decimals */
                    lowBalance?: string | number;
                    /**
                     * @description whether events are sent
                     * @default true
                     */
                    enabled?: boolean;
                    /** @description why; kept with the change. Operators must say it */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done; something new is there. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description where events are sent */
                        url: string;
                        /** @description your own words for it */
                        description: string | null;
                        /** @description what it gets; empty: all */
                        events: ("balance.low" | "limit.reached" | "limit.warned" | "lot.expiring" | "hold.expired" | "debt.incurred" | "account.frozen" | "refill.granted")[];
                        /** @description the account that pays */
                        account: string | null;
                        /** @description the only accounts that it may act on begin with this */
                        accountPrefix: string | null;
                        /** @description credits below which `balance.low` is sent */
                        lowBalance: string | null;
                        /**
                         * @description where it stands
                         * @enum {unknown}
                         */
                        state: "enabled" | "disabled";
                        /** @description failures: five days without a success; gone: it answered 410 */
                        disabledReason: ("request" | "failures" | "gone") | null;
                        /** @description when it was disabled; null: it is enabled */
                        disabledAt: string | null;
                        /** @description since when no delivery arrived; null: the last one did */
                        failingSince: string | null;
                        /** @description until then the secret before signs, too */
                        previousSecretEndsAt: string | null;
                        /** @description who made it */
                        createdBy: string;
                        /**
                         * Format: date-time
                         * @description when it was made
                         */
                        createdAt: string;
                        /** @description signs what is sent (Standard Webhooks); told here and never again */
                        secret: string | null;
                    };
                };
            };
        };
    };
    getWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the id of the webhook */
                webhookId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description where events are sent */
                        url: string;
                        /** @description your own words for it */
                        description: string | null;
                        /** @description what it gets; empty: all */
                        events: ("balance.low" | "limit.reached" | "limit.warned" | "lot.expiring" | "hold.expired" | "debt.incurred" | "account.frozen" | "refill.granted")[];
                        /** @description the account that pays */
                        account: string | null;
                        /** @description the only accounts that it may act on begin with this */
                        accountPrefix: string | null;
                        /** @description credits below which `balance.low` is sent */
                        lowBalance: string | null;
                        /**
                         * @description where it stands
                         * @enum {unknown}
                         */
                        state: "enabled" | "disabled";
                        /** @description failures: five days without a success; gone: it answered 410 */
                        disabledReason: ("request" | "failures" | "gone") | null;
                        /** @description when it was disabled; null: it is enabled */
                        disabledAt: string | null;
                        /** @description since when no delivery arrived; null: the last one did */
                        failingSince: string | null;
                        /** @description until then the secret before signs, too */
                        previousSecretEndsAt: string | null;
                        /** @description who made it */
                        createdBy: string;
                        /**
                         * Format: date-time
                         * @description when it was made
                         */
                        createdAt: string;
                    };
                };
            };
        };
    };
    putWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` that was read, or `*` for any: 412 when it is another one by now */
                "If-Match"?: string;
                /** @description `*`: only if there is none yet */
                "If-None-Match"?: string;
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the id of the webhook */
                webhookId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description https, on a public address */
                    url: string;
                    /** @description your own words for it */
                    description?: string;
                    /** @description what it gets; empty: all */
                    events?: ("balance.low" | "limit.reached" | "limit.warned" | "lot.expiring" | "hold.expired" | "debt.incurred" | "account.frozen" | "refill.granted")[];
                    /** @description only events of this account */
                    account?: string;
                    /** @description only events of accounts whose id begins with this */
                    accountPrefix?: string;
                    /** @description `balance.low` when an account falls below this; without it, below the account's own threshold: decimal text such as `"2.5"`, or a number; at most six decimals */
                    lowBalance?: string | number;
                    /**
                     * @description whether events are sent
                     * @default true
                     */
                    enabled?: boolean;
                    /** @description why; kept with the change. Operators must say it */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description where events are sent */
                        url: string;
                        /** @description your own words for it */
                        description: string | null;
                        /** @description what it gets; empty: all */
                        events: ("balance.low" | "limit.reached" | "limit.warned" | "lot.expiring" | "hold.expired" | "debt.incurred" | "account.frozen" | "refill.granted")[];
                        /** @description the account that pays */
                        account: string | null;
                        /** @description the only accounts that it may act on begin with this */
                        accountPrefix: string | null;
                        /** @description credits below which `balance.low` is sent */
                        lowBalance: string | null;
                        /**
                         * @description where it stands
                         * @enum {unknown}
                         */
                        state: "enabled" | "disabled";
                        /** @description failures: five days without a success; gone: it answered 410 */
                        disabledReason: ("request" | "failures" | "gone") | null;
                        /** @description when it was disabled; null: it is enabled */
                        disabledAt: string | null;
                        /** @description since when no delivery arrived; null: the last one did */
                        failingSince: string | null;
                        /** @description until then the secret before signs, too */
                        previousSecretEndsAt: string | null;
                        /** @description who made it */
                        createdBy: string;
                        /**
                         * Format: date-time
                         * @description when it was made
                         */
                        createdAt: string;
                    };
                };
            };
        };
    };
    removeWebhook: {
        parameters: {
            query?: {
                /** @description why; kept with the change. Operators must say it */
                reason?: string;
            };
            header?: {
                /** @description the `ETag` that was read, or `*` for any: 412 when it is another one by now */
                "If-Match"?: string;
                /** @description `*`: only if there is none yet */
                "If-None-Match"?: string;
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the id of the webhook */
                webhookId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; there is nothing to say. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    rotateWebhookSecret: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` that was read, or `*` for any: 412 when it is another one by now */
                "If-Match"?: string;
                /** @description `*`: only if there is none yet */
                "If-None-Match"?: string;
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the id of the webhook */
                webhookId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * @description for how many seconds the secret in use signs, too; 0: it has leaked
                     * @default 86400
                     */
                    keepPreviousSeconds?: number;
                    /** @description why; kept with the change. Operators must say it */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description where events are sent */
                        url: string;
                        /** @description your own words for it */
                        description: string | null;
                        /** @description what it gets; empty: all */
                        events: ("balance.low" | "limit.reached" | "limit.warned" | "lot.expiring" | "hold.expired" | "debt.incurred" | "account.frozen" | "refill.granted")[];
                        /** @description the account that pays */
                        account: string | null;
                        /** @description the only accounts that it may act on begin with this */
                        accountPrefix: string | null;
                        /** @description credits below which `balance.low` is sent */
                        lowBalance: string | null;
                        /**
                         * @description where it stands
                         * @enum {unknown}
                         */
                        state: "enabled" | "disabled";
                        /** @description failures: five days without a success; gone: it answered 410 */
                        disabledReason: ("request" | "failures" | "gone") | null;
                        /** @description when it was disabled; null: it is enabled */
                        disabledAt: string | null;
                        /** @description since when no delivery arrived; null: the last one did */
                        failingSince: string | null;
                        /** @description until then the secret before signs, too */
                        previousSecretEndsAt: string | null;
                        /** @description who made it */
                        createdBy: string;
                        /**
                         * Format: date-time
                         * @description when it was made
                         */
                        createdAt: string;
                        /** @description signs what is sent (Standard Webhooks); told here and never again */
                        secret: string | null;
                    };
                };
            };
        };
    };
    listDeliveries: {
        parameters: {
            query?: {
                /** @description at most this many items of one page */
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description only those */
                state?: "pending" | "delivered" | "failed" | "";
            };
            header?: never;
            path: {
                /** @description the id of the webhook */
                webhookId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description one page */
                        data: {
                            /** @description names it */
                            id: string;
                            /** @description the id of the webhook */
                            webhook: string;
                            /**
                             * @description where it stands
                             * @enum {unknown}
                             */
                            state: "pending" | "delivered" | "failed";
                            /** @description how many attempts, since it was made or last resent */
                            attempts: number;
                            /** @description when it is sent next; null: not again */
                            nextAttemptAt: string | null;
                            /**
                             * Format: date-time
                             * @description when it was made
                             */
                            createdAt: string;
                            /** @description when it ended; null: not yet */
                            endedAt: string | null;
                            /** @description what is sent */
                            event: {
                                /** @description the `webhook-id` of its deliveries */
                                id: string;
                                /**
                                 * @description what happened
                                 * @enum {unknown}
                                 */
                                type: "balance.low" | "limit.reached" | "limit.warned" | "lot.expiring" | "hold.expired" | "debt.incurred" | "account.frozen" | "refill.granted";
                                /**
                                 * Format: date-time
                                 * @description when it happened
                                 */
                                timestamp: string;
                                /** @description the account that pays */
                                account: string;
                                /** @description by type */
                                data: {
                                    [key: string]: unknown;
                                };
                            };
                            /** @description the attempts and their answers */
                            answers: {
                                /**
                                 * Format: date-time
                                 * @description when it happened
                                 */
                                at: string;
                                /** @description how long the answer took, in milliseconds */
                                durationMs: number;
                                /** @description the HTTP status; null: no answer */
                                status: number | null;
                                /** @description the beginning of the answer */
                                body: string | null;
                                /** @description why there was no answer */
                                problem: string | null;
                            }[];
                        }[];
                        /** @description for the next page; null on the last one */
                        nextCursor: string | null;
                    };
                };
            };
        };
    };
    getDelivery: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the id of the webhook */
                webhookId: string;
                /** @description the number of the delivery */
                deliveryId: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the id of the webhook */
                        webhook: string;
                        /**
                         * @description where it stands
                         * @enum {unknown}
                         */
                        state: "pending" | "delivered" | "failed";
                        /** @description how many attempts, since it was made or last resent */
                        attempts: number;
                        /** @description when it is sent next; null: not again */
                        nextAttemptAt: string | null;
                        /**
                         * Format: date-time
                         * @description when it was made
                         */
                        createdAt: string;
                        /** @description when it ended; null: not yet */
                        endedAt: string | null;
                        /** @description what is sent */
                        event: {
                            /** @description the `webhook-id` of its deliveries */
                            id: string;
                            /**
                             * @description what happened
                             * @enum {unknown}
                             */
                            type: "balance.low" | "limit.reached" | "limit.warned" | "lot.expiring" | "hold.expired" | "debt.incurred" | "account.frozen" | "refill.granted";
                            /**
                             * Format: date-time
                             * @description when it happened
                             */
                            timestamp: string;
                            /** @description the account that pays */
                            account: string;
                            /** @description by type */
                            data: {
                                [key: string]: unknown;
                            };
                        };
                        /** @description the attempts and their answers */
                        answers: {
                            /**
                             * Format: date-time
                             * @description when it happened
                             */
                            at: string;
                            /** @description how long the answer took, in milliseconds */
                            durationMs: number;
                            /** @description the HTTP status; null: no answer */
                            status: number | null;
                            /** @description the beginning of the answer */
                            body: string | null;
                            /** @description why there was no answer */
                            problem: string | null;
                        }[];
                    };
                };
            };
        };
    };
    resendDelivery: {
        parameters: {
            query?: {
                /** @description why; kept with the change. Operators must say it */
                reason?: string;
            };
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the id of the webhook */
                webhookId: string;
                /** @description the number of the delivery */
                deliveryId: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Recorded for good, and about to be done. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description names it */
                        id: string;
                        /** @description the id of the webhook */
                        webhook: string;
                        /**
                         * @description where it stands
                         * @enum {unknown}
                         */
                        state: "pending" | "delivered" | "failed";
                        /** @description how many attempts, since it was made or last resent */
                        attempts: number;
                        /** @description when it is sent next; null: not again */
                        nextAttemptAt: string | null;
                        /**
                         * Format: date-time
                         * @description when it was made
                         */
                        createdAt: string;
                        /** @description when it ended; null: not yet */
                        endedAt: string | null;
                        /** @description what is sent */
                        event: {
                            /** @description the `webhook-id` of its deliveries */
                            id: string;
                            /**
                             * @description what happened
                             * @enum {unknown}
                             */
                            type: "balance.low" | "limit.reached" | "limit.warned" | "lot.expiring" | "hold.expired" | "debt.incurred" | "account.frozen" | "refill.granted";
                            /**
                             * Format: date-time
                             * @description when it happened
                             */
                            timestamp: string;
                            /** @description the account that pays */
                            account: string;
                            /** @description by type */
                            data: {
                                [key: string]: unknown;
                            };
                        };
                        /** @description the attempts and their answers */
                        answers: {
                            /**
                             * Format: date-time
                             * @description when it happened
                             */
                            at: string;
                            /** @description how long the answer took, in milliseconds */
                            durationMs: number;
                            /** @description the HTTP status; null: no answer */
                            status: number | null;
                            /** @description the beginning of the answer */
                            body: string | null;
                            /** @description why there was no answer */
                            problem: string | null;
                        }[];
                    };
                };
            };
        };
    };
    listPrices: {
        parameters: {
            query?: {
                /** @description at most this many items of one page */
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description the provider of the model */
                provider?: string;
                /** @description the model */
                model?: string;
            };
            header?: never;
            path: {
                /** @description the price book */
                book: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description one page */
                        data: {
                            /** @description the price book */
                            book: string;
                            /** @description the provider of the model; empty: any */
                            provider: string;
                            /** @description the model */
                            model: string;
                            /** @description the version of the price */
                            version: number;
                            /**
                             * Format: date-time
                             * @description from when on it applies
                             */
                            effectiveFrom: string;
                            /** @description credits for `unit` tokens, by class; null: the class has no price of its own */
                            prices: {
                                /** @description credits for `unit` tokens of the prompt */
                                input: string | null;
                                /** @description credits for `unit` generated tokens */
                                output: string | null;
                                /** @description credits for `unit` tokens that were read from a cache */
                                cachedRead: string | null;
                                /** @description credits for `unit` tokens that were written to a cache */
                                cachedWrite: string | null;
                                /** @description credits for `unit` tokens that were written to a cache for an hour */
                                cachedWrite1h: string | null;
                                /** @description credits for `unit` tokens of sound in the prompt */
                                audioInput: string | null;
                                /** @description credits for `unit` tokens of pictures in the prompt */
                                imageInput: string | null;
                                /** @description credits for `unit` tokens of reasoning */
                                reasoning: string | null;
                                /** @description credits for `unit` generated tokens of sound */
                                audioOutput: string | null;
                                /** @description credits for `unit` generated tokens of pictures */
                                imageOutput: string | null;
                                /** @description credits for one message */
                                message: string | null;
                                /** @description credits for one request */
                                request: string | null;
                                /** @description credits for one picture in the prompt */
                                inputImage: string | null;
                                /** @description credits for one generated picture */
                                outputImage: string | null;
                            };
                            /** @description other prices, for long prompts or service tiers */
                            tiers: {
                                /** @description the length of the prompt, in tokens, above which the price applies */
                                aboveInputTokens: number;
                                /** @description the service tier that the price is for */
                                serviceTier: string;
                                /** @description credits for `unit` tokens, by class; null: the class has no price of its own */
                                prices: {
                                    /** @description credits for `unit` tokens of the prompt */
                                    input?: string;
                                    /** @description credits for `unit` generated tokens */
                                    output?: string;
                                    /** @description credits for `unit` tokens that were read from a cache */
                                    cachedRead?: string;
                                    /** @description credits for `unit` tokens that were written to a cache */
                                    cachedWrite?: string;
                                    /** @description credits for `unit` tokens that were written to a cache for an hour */
                                    cachedWrite1h?: string;
                                    /** @description credits for `unit` tokens of sound in the prompt */
                                    audioInput?: string;
                                    /** @description credits for `unit` tokens of pictures in the prompt */
                                    imageInput?: string;
                                    /** @description credits for `unit` tokens of reasoning */
                                    reasoning?: string;
                                    /** @description credits for `unit` generated tokens of sound */
                                    audioOutput?: string;
                                    /** @description credits for `unit` generated tokens of pictures */
                                    imageOutput?: string;
                                    /** @description credits for one message */
                                    message?: string;
                                    /** @description credits for one request */
                                    request?: string;
                                    /** @description credits for one picture in the prompt */
                                    inputImage?: string;
                                    /** @description credits for one generated picture */
                                    outputImage?: string;
                                };
                            }[];
                            /** @description the model that this is another name of; null: it is none */
                            aliasOf: string | null;
                            /** @description how many tokens a prompt has at most; null: unknown */
                            maxInputTokens: number | null;
                            /** @description how many tokens are generated at most; null: unknown */
                            maxOutputTokens: number | null;
                            /** @description how many tokens a price is for */
                            unit: number;
                            /** @description credits that rounding added */
                            rounding: string;
                            /** @description percent that are added to prices */
                            marginPercent: string;
                            /** @description the price of one credit, in money; null: prices are in credits */
                            moneyPerCredit: string | null;
                            /** @description whether it is the default for models without a price */
                            isDefault: boolean;
                            /** @description where it stands */
                            state: string;
                            /** @description who made it */
                            createdBy: string;
                            /** @description your own note */
                            note: string;
                        }[];
                        /** @description for the next page; null on the last one */
                        nextCursor: string | null;
                    };
                };
            };
        };
    };
    putPrice: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` that was read, or `*` for any: 412 when it is another one by now */
                "If-Match"?: string;
                /** @description `*`: only if there is none yet */
                "If-None-Match"?: string;
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the price book */
                book: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description the provider of the model; empty: any */
                    provider?: string;
                    /** @description the model */
                    model: string;
                    /** @description a class that is not named has no price of its own */
                    prices?: {
                        /** @description credits for `unit` tokens of the prompt */
                        input?: number | string | null;
                        /** @description credits for `unit` generated tokens */
                        output?: number | string | null;
                        /** @description credits for `unit` tokens that were read from a cache */
                        cachedRead?: number | string | null;
                        /** @description credits for `unit` tokens that were written to a cache */
                        cachedWrite?: number | string | null;
                        /** @description credits for `unit` tokens that were written to a cache for an hour */
                        cachedWrite1h?: number | string | null;
                        /** @description credits for `unit` tokens of sound in the prompt */
                        audioInput?: number | string | null;
                        /** @description credits for `unit` tokens of pictures in the prompt */
                        imageInput?: number | string | null;
                        /** @description credits for `unit` tokens of reasoning */
                        reasoning?: number | string | null;
                        /** @description credits for `unit` generated tokens of sound */
                        audioOutput?: number | string | null;
                        /** @description credits for `unit` generated tokens of pictures */
                        imageOutput?: number | string | null;
                        /** @description credits for one message */
                        message?: number | string | null;
                        /** @description credits for one request */
                        request?: number | string | null;
                        /** @description credits for one picture in the prompt */
                        inputImage?: number | string | null;
                        /** @description credits for one generated picture */
                        outputImage?: number | string | null;
                    };
                    /** @description other prices, for long prompts or service tiers */
                    tiers?: {
                        /** @description for prompts of more tokens than that: all their tokens */
                        aboveInputTokens: number;
                        /**
                         * @description the service tier that the price is for
                         * @enum {unknown}
                         */
                        serviceTier: "standard" | "priority" | "flex" | "batch";
                        /** @description the classes that have another price there */
                        prices: {
                            /** @description credits for `unit` tokens of the prompt */
                            input?: number | string | null;
                            /** @description credits for `unit` generated tokens */
                            output?: number | string | null;
                            /** @description credits for `unit` tokens that were read from a cache */
                            cachedRead?: number | string | null;
                            /** @description credits for `unit` tokens that were written to a cache */
                            cachedWrite?: number | string | null;
                            /** @description credits for `unit` tokens that were written to a cache for an hour */
                            cachedWrite1h?: number | string | null;
                            /** @description credits for `unit` tokens of sound in the prompt */
                            audioInput?: number | string | null;
                            /** @description credits for `unit` tokens of pictures in the prompt */
                            imageInput?: number | string | null;
                            /** @description credits for `unit` tokens of reasoning */
                            reasoning?: number | string | null;
                            /** @description credits for `unit` generated tokens of sound */
                            audioOutput?: number | string | null;
                            /** @description credits for `unit` generated tokens of pictures */
                            imageOutput?: number | string | null;
                            /** @description credits for one message */
                            message?: number | string | null;
                            /** @description credits for one request */
                            request?: number | string | null;
                            /** @description credits for one picture in the prompt */
                            inputImage?: number | string | null;
                            /** @description credits for one generated picture */
                            outputImage?: number | string | null;
                        };
                    }[];
                    /** @description the model is another name for this one */
                    aliasOf?: string | null;
                    /** @description how many tokens a prompt has at most; null: unknown */
                    maxInputTokens?: number | null;
                    /** @description how many tokens are generated at most; null: unknown */
                    maxOutputTokens?: number | null;
                    /**
                     * @description how many tokens a price is for
                     * @enum {unknown}
                     */
                    unit?: 1 | 1000 | 1000000;
                    /**
                     * @description to what the amount is rounded up
                     * @enum {unknown}
                     */
                    rounding?: "micro" | "credit";
                    /** @description a decimal number; as text, every digit counts */
                    marginPercent?: number | string;
                    /** @description the price of one credit, in money; null: prices are in credits */
                    moneyPerCredit?: number | string | null;
                    /** @description whether it is for models without a price */
                    isDefault?: boolean;
                    /**
                     * @description `inactive`: the price does not apply
                     * @enum {unknown}
                     */
                    state?: "active" | "inactive";
                    /** @description from when it holds; now, when left out: RFC 3339, such as 2026-01-31T12:00:00Z */
                    effectiveFrom?: string;
                    /** @description your own note */
                    note?: string;
                    /** @description true: also a price far from the one before it */
                    force?: boolean;
                    /** @description true: also a price of 0 */
                    allowZero?: boolean;
                    /** @description why; kept with the change. Operators must say it */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the price book */
                        book: string;
                        /** @description the provider of the model; empty: any */
                        provider: string;
                        /** @description the model */
                        model: string;
                        /** @description the version of the gateway */
                        version: number;
                        /**
                         * Format: date-time
                         * @description from when on it applies
                         */
                        effectiveFrom: string;
                        /** @description credits for `unit` tokens, by class; null: the class has no price of its own */
                        prices: {
                            /** @description credits for `unit` tokens of the prompt */
                            input: string | null;
                            /** @description credits for `unit` generated tokens */
                            output: string | null;
                            /** @description credits for `unit` tokens that were read from a cache */
                            cachedRead: string | null;
                            /** @description credits for `unit` tokens that were written to a cache */
                            cachedWrite: string | null;
                            /** @description credits for `unit` tokens that were written to a cache for an hour */
                            cachedWrite1h: string | null;
                            /** @description credits for `unit` tokens of sound in the prompt */
                            audioInput: string | null;
                            /** @description credits for `unit` tokens of pictures in the prompt */
                            imageInput: string | null;
                            /** @description credits for `unit` tokens of reasoning */
                            reasoning: string | null;
                            /** @description credits for `unit` generated tokens of sound */
                            audioOutput: string | null;
                            /** @description credits for `unit` generated tokens of pictures */
                            imageOutput: string | null;
                            /** @description credits for one message */
                            message: string | null;
                            /** @description credits for one request */
                            request: string | null;
                            /** @description credits for one picture in the prompt */
                            inputImage: string | null;
                            /** @description credits for one generated picture */
                            outputImage: string | null;
                        };
                        /** @description other prices, for long prompts or service tiers */
                        tiers: {
                            /** @description the length of the prompt, in tokens, above which the price applies */
                            aboveInputTokens: number;
                            /** @description the service tier that the price is for */
                            serviceTier: string;
                            /** @description credits for `unit` tokens, by class; null: the class has no price of its own */
                            prices: {
                                /** @description credits for `unit` tokens of the prompt */
                                input?: string;
                                /** @description credits for `unit` generated tokens */
                                output?: string;
                                /** @description credits for `unit` tokens that were read from a cache */
                                cachedRead?: string;
                                /** @description credits for `unit` tokens that were written to a cache */
                                cachedWrite?: string;
                                /** @description credits for `unit` tokens that were written to a cache for an hour */
                                cachedWrite1h?: string;
                                /** @description credits for `unit` tokens of sound in the prompt */
                                audioInput?: string;
                                /** @description credits for `unit` tokens of pictures in the prompt */
                                imageInput?: string;
                                /** @description credits for `unit` tokens of reasoning */
                                reasoning?: string;
                                /** @description credits for `unit` generated tokens of sound */
                                audioOutput?: string;
                                /** @description credits for `unit` generated tokens of pictures */
                                imageOutput?: string;
                                /** @description credits for one message */
                                message?: string;
                                /** @description credits for one request */
                                request?: string;
                                /** @description credits for one picture in the prompt */
                                inputImage?: string;
                                /** @description credits for one generated picture */
                                outputImage?: string;
                            };
                        }[];
                        /** @description the model that this is another name of; null: it is none */
                        aliasOf: string | null;
                        /** @description how many tokens a prompt has at most; null: unknown */
                        maxInputTokens: number | null;
                        /** @description how many tokens are generated at most; null: unknown */
                        maxOutputTokens: number | null;
                        /** @description how many tokens a price is for */
                        unit: number;
                        /** @description credits that rounding added */
                        rounding: string;
                        /** @description percent that are added to prices */
                        marginPercent: string;
                        /** @description the price of one credit, in money; null: prices are in credits */
                        moneyPerCredit: string | null;
                        /** @description whether it is the default for models without a price */
                        isDefault: boolean;
                        /** @description where it stands */
                        state: string;
                        /** @description who made it */
                        createdBy: string;
                        /** @description your own note */
                        note: string;
                        /** @description false: it was so already */
                        changed: boolean;
                    };
                };
            };
        };
    };
    listPriceHistory: {
        parameters: {
            query?: {
                /** @description at most this many items of one page */
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description the provider of the model */
                provider?: string;
                /** @description the model */
                model?: string;
            };
            header?: never;
            path: {
                /** @description the price book */
                book: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description one page */
                        data: {
                            /** @description the price book */
                            book: string;
                            /** @description the provider of the model; empty: any */
                            provider: string;
                            /** @description the model */
                            model: string;
                            /** @description the version of the price */
                            version: number;
                            /**
                             * Format: date-time
                             * @description from when on it applies
                             */
                            effectiveFrom: string;
                            /** @description credits for `unit` tokens, by class; null: the class has no price of its own */
                            prices: {
                                /** @description credits for `unit` tokens of the prompt */
                                input: string | null;
                                /** @description credits for `unit` generated tokens */
                                output: string | null;
                                /** @description credits for `unit` tokens that were read from a cache */
                                cachedRead: string | null;
                                /** @description credits for `unit` tokens that were written to a cache */
                                cachedWrite: string | null;
                                /** @description credits for `unit` tokens that were written to a cache for an hour */
                                cachedWrite1h: string | null;
                                /** @description credits for `unit` tokens of sound in the prompt */
                                audioInput: string | null;
                                /** @description credits for `unit` tokens of pictures in the prompt */
                                imageInput: string | null;
                                /** @description credits for `unit` tokens of reasoning */
                                reasoning: string | null;
                                /** @description credits for `unit` generated tokens of sound */
                                audioOutput: string | null;
                                /** @description credits for `unit` generated tokens of pictures */
                                imageOutput: string | null;
                                /** @description credits for one message */
                                message: string | null;
                                /** @description credits for one request */
                                request: string | null;
                                /** @description credits for one picture in the prompt */
                                inputImage: string | null;
                                /** @description credits for one generated picture */
                                outputImage: string | null;
                            };
                            /** @description other prices, for long prompts or service tiers */
                            tiers: {
                                /** @description the length of the prompt, in tokens, above which the price applies */
                                aboveInputTokens: number;
                                /** @description the service tier that the price is for */
                                serviceTier: string;
                                /** @description credits for `unit` tokens, by class; null: the class has no price of its own */
                                prices: {
                                    /** @description credits for `unit` tokens of the prompt */
                                    input?: string;
                                    /** @description credits for `unit` generated tokens */
                                    output?: string;
                                    /** @description credits for `unit` tokens that were read from a cache */
                                    cachedRead?: string;
                                    /** @description credits for `unit` tokens that were written to a cache */
                                    cachedWrite?: string;
                                    /** @description credits for `unit` tokens that were written to a cache for an hour */
                                    cachedWrite1h?: string;
                                    /** @description credits for `unit` tokens of sound in the prompt */
                                    audioInput?: string;
                                    /** @description credits for `unit` tokens of pictures in the prompt */
                                    imageInput?: string;
                                    /** @description credits for `unit` tokens of reasoning */
                                    reasoning?: string;
                                    /** @description credits for `unit` generated tokens of sound */
                                    audioOutput?: string;
                                    /** @description credits for `unit` generated tokens of pictures */
                                    imageOutput?: string;
                                    /** @description credits for one message */
                                    message?: string;
                                    /** @description credits for one request */
                                    request?: string;
                                    /** @description credits for one picture in the prompt */
                                    inputImage?: string;
                                    /** @description credits for one generated picture */
                                    outputImage?: string;
                                };
                            }[];
                            /** @description the model that this is another name of; null: it is none */
                            aliasOf: string | null;
                            /** @description how many tokens a prompt has at most; null: unknown */
                            maxInputTokens: number | null;
                            /** @description how many tokens are generated at most; null: unknown */
                            maxOutputTokens: number | null;
                            /** @description how many tokens a price is for */
                            unit: number;
                            /** @description credits that rounding added */
                            rounding: string;
                            /** @description percent that are added to prices */
                            marginPercent: string;
                            /** @description the price of one credit, in money; null: prices are in credits */
                            moneyPerCredit: string | null;
                            /** @description whether it is the default for models without a price */
                            isDefault: boolean;
                            /** @description where it stands */
                            state: string;
                            /** @description who made it */
                            createdBy: string;
                            /** @description your own note */
                            note: string;
                        }[];
                        /** @description for the next page; null on the last one */
                        nextCursor: string | null;
                    };
                };
            };
        };
    };
    listPriceAliases: {
        parameters: {
            query?: {
                /** @description at most this many items of one page */
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description the provider of the model */
                provider?: string;
                /** @description the model */
                model?: string;
            };
            header?: never;
            path: {
                /** @description the price book */
                book: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description one page */
                        data: {
                            /** @description the price book */
                            book: string;
                            /** @description the provider of the model; empty: any */
                            provider: string;
                            /** @description the other name */
                            alias: string;
                            /** @description the model that it leads to */
                            model: string;
                            /** @description the version of the price */
                            version: number;
                            /**
                             * Format: date-time
                             * @description from when on it applies
                             */
                            effectiveFrom: string;
                            /** @description where it stands */
                            state: string;
                            /** @description who made it */
                            createdBy: string;
                            /** @description your own note */
                            note: string;
                        }[];
                        /** @description for the next page; null on the last one */
                        nextCursor: string | null;
                    };
                };
            };
        };
    };
    putPriceTerms: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` that was read, or `*` for any: 412 when it is another one by now */
                "If-Match"?: string;
                /** @description `*`: only if there is none yet */
                "If-None-Match"?: string;
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the price book */
                book: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description percent that are added to prices, one after the other */
                    profitPercents?: (number | string)[];
                    /** @description a decimal number; as text, every digit counts */
                    moneyPerCredit?: number | string;
                    /** @description from when it holds; now, when left out: RFC 3339, such as 2026-01-31T12:00:00Z */
                    effectiveFrom?: string;
                    /** @description your own note */
                    note?: string;
                    /** @description true: also a price far from the one before it */
                    force?: boolean;
                    /** @description why; kept with the change. Operators must say it */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description new versions */
                        changed: number;
                    };
                };
            };
        };
    };
    listModelCosts: {
        parameters: {
            query?: {
                /** @description from when, its whole hour included; by default 7 days before `to`: ISO 8601 with a time zone, or milliseconds since 1970 */
                from?: string;
                /** @description before when, its whole hour included; by default now. At most 92 days after `from`: ISO 8601 with a time zone, or milliseconds since 1970 */
                to?: string;
                /** @description how many models */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * Format: date-time
                         * @description the account that gives
                         */
                        from: string;
                        /**
                         * Format: date-time
                         * @description the account that gets
                         */
                        to: string;
                        /** @description false: what was acknowledged in the last moments may be missing */
                        upToDate: boolean;
                        /** @description the models */
                        models: {
                            /** @description `unknown`: all that no price book ever had */
                            model: string;
                            /** @description how many settlements and charges */
                            messages: number;
                            /** @description how many tokens were used */
                            tokens: number;
                            /** @description credits of holds that ended */
                            held: string;
                            /** @description credits that users paid */
                            captured: string;
                            /** @description credits captured per credit held; null when nothing was held */
                            captureRatio: number | null;
                        }[];
                    };
                };
            };
        };
    };
    listPlans: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description one page */
                        data: {
                            /** @description the name of the plan */
                            plan: string;
                            /** @description its name */
                            name: string;
                            /** @description credits of a period */
                            credits: string;
                            /** @description the length of the window */
                            period: string;
                            /** @description the length of a period in seconds; null: a calendar period */
                            periodSeconds: number | null;
                            /** @description whether it refuses or warns */
                            mode: string;
                            /** @description which missed periods are granted: `each` or the `latest` */
                            missed: string;
                            /** @description how many seconds the credits of a period last; null: they never expire */
                            expiresAfterSeconds: number | null;
                        }[];
                        /** @description for the next page; null on the last one */
                        nextCursor: string | null;
                    };
                };
            };
        };
    };
    getPlan: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the name of the plan */
                planId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the name of the plan */
                        plan: string;
                        /** @description its name */
                        name: string;
                        /** @description credits of a period */
                        credits: string;
                        /** @description the length of the window */
                        period: string;
                        /** @description the length of a period in seconds; null: a calendar period */
                        periodSeconds: number | null;
                        /** @description whether it refuses or warns */
                        mode: string;
                        /** @description which missed periods are granted: `each` or the `latest` */
                        missed: string;
                        /** @description how many seconds the credits of a period last; null: they never expire */
                        expiresAfterSeconds: number | null;
                    };
                };
            };
        };
    };
    putPlan: {
        parameters: {
            query?: never;
            header?: {
                /** @description the `ETag` that was read, or `*` for any: 412 when it is another one by now */
                "If-Match"?: string;
                /** @description `*`: only if there is none yet */
                "If-None-Match"?: string;
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the name of the plan */
                planId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description its name */
                    name: string;
                    /** @description credits: decimal text such as `"2.5"`, or a number; at most six decimals */
                    credits: string | number;
                    /**
                     * @description the length of a period
                     * @enum {unknown}
                     */
                    period: "day" | "week" | "month" | "seconds";
                    /** @description the length of a period in seconds; null: a calendar period */
                    periodSeconds?: number | null;
                    /**
                     * @description whether what is left rolls over or is reset
                     * @enum {unknown}
                     */
                    mode?: "roll_over" | "reset";
                    /**
                     * @description which missed periods are granted: `each` or the `latest`
                     * @enum {unknown}
                     */
                    missed?: "each" | "latest";
                    /** @description how many seconds the credits of a period last; null: they never expire */
                    expiresAfterSeconds?: number | null;
                    /** @description why; kept with the change. Operators must say it */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the name of the plan */
                        plan: string;
                        /** @description its name */
                        name: string;
                        /** @description credits of a period */
                        credits: string;
                        /** @description the length of the window */
                        period: string;
                        /** @description the length of a period in seconds; null: a calendar period */
                        periodSeconds: number | null;
                        /** @description whether it refuses or warns */
                        mode: string;
                        /** @description which missed periods are granted: `each` or the `latest` */
                        missed: string;
                        /** @description how many seconds the credits of a period last; null: they never expire */
                        expiresAfterSeconds: number | null;
                    };
                };
            };
        };
    };
    removePlan: {
        parameters: {
            query?: {
                /** @description why; kept with the change. Operators must say it */
                reason?: string;
            };
            header?: {
                /** @description the `ETag` that was read, or `*` for any: 412 when it is another one by now */
                "If-Match"?: string;
                /** @description `*`: only if there is none yet */
                "If-None-Match"?: string;
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the name of the plan */
                planId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; there is nothing to say. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    getPlanOfAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the account */
                accountId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the account that pays */
                        account: string;
                        /** @description the name of the plan */
                        plan: string;
                        /**
                         * Format: date-time
                         * @description when it began
                         */
                        startedAt: string;
                        /** @description the number of the period that is granted next */
                        nextPeriod: number;
                        /** @description when credits were granted last; null: not yet */
                        lastRefillAt: string | null;
                        /** @description why the last refill failed; null: it did not */
                        problem: string | null;
                    };
                };
            };
        };
    };
    putPlanOfAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the account */
                accountId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description the name of the plan */
                    plan: string;
                    /** @description why; kept with the change. Operators must say it */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the account that pays */
                        account: string;
                        /** @description the name of the plan */
                        plan: string;
                        /**
                         * Format: date-time
                         * @description when it began
                         */
                        startedAt: string;
                        /** @description the number of the period that is granted next */
                        nextPeriod: number;
                        /** @description when credits were granted last; null: not yet */
                        lastRefillAt: string | null;
                        /** @description why the last refill failed; null: it did not */
                        problem: string | null;
                    };
                };
            };
        };
    };
    endPlanOfAccount: {
        parameters: {
            query?: {
                /** @description why; kept with the change. Operators must say it */
                reason?: string;
            };
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description the account */
                accountId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; there is nothing to say. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    rewardReferral: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description the account that is rewarded */
                    referrer: string;
                    /** @description the account that was referred */
                    referee: string;
                    /** @description credits: decimal text such as `"2.5"`, or a number; at most six decimals */
                    credits: string | number;
                    /** @description credits: decimal text such as `"2.5"`, or a number; at most six decimals */
                    refereeCredits?: string | number;
                    /** @description why; kept with the change. Operators must say it */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description where it stands
                         * @enum {unknown}
                         */
                        status: "granted" | "pending";
                    };
                };
            };
        };
    };
    listShards: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description one page */
                        data: {
                            /** @description the number of the shard of the journal */
                            shard: number;
                            /** @description the number of the epoch: it grows when Redis has lost something */
                            epoch: number;
                            /** @description the last entry of the stream that Postgres has */
                            cursor: string;
                            /** @description how many entries Postgres does not have yet */
                            lagEntries: number;
                            /** @description why the shard is stopped; null: it is not */
                            stoppedReason: string | null;
                        }[];
                        /** @description for the next page; null on the last one */
                        nextCursor: string | null;
                    };
                };
            };
        };
    };
    listRefusals: {
        parameters: {
            query?: {
                /** @description only of this account */
                account?: string;
                /** @description from when, its whole minute included: ISO 8601 with a time zone, or milliseconds since 1970 */
                from?: string;
                /** @description before when: ISO 8601 with a time zone, or milliseconds since 1970 */
                to?: string;
                /** @description at most this many items of one page */
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description one page */
                        data: {
                            /** @description the account that pays */
                            account: string;
                            /**
                             * Format: date-time
                             * @description the minute
                             */
                            minute: string;
                            /** @description why, as the caller told it */
                            reason: string;
                            /** @description the method of the request */
                            method: string;
                            /** @description the route that was asked */
                            route: string;
                            /** @description the HTTP status */
                            status: number;
                            /** @description how many requests */
                            count: number;
                            /**
                             * Format: date-time
                             * @description when the first was refused
                             */
                            firstAt: string;
                            /**
                             * Format: date-time
                             * @description when the last was refused
                             */
                            lastAt: string;
                            /** @description what to show to a person */
                            message: string;
                            /** @description the X-Request-Id of the request */
                            requestId: string;
                        }[];
                        /** @description for the next page; null on the last one */
                        nextCursor: string | null;
                    };
                };
            };
        };
    };
    listChanges: {
        parameters: {
            query?: {
                /** @description at most this many items of one page */
                limit?: number;
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description only of this account */
                account?: string;
                /** @description only of this operator or service */
                actor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description one page */
                        data: {
                            /** @description names it */
                            id: string;
                            /**
                             * Format: date-time
                             * @description when it happened
                             */
                            at: string;
                            /** @description the operator's account, or the name of the API key */
                            actor: string;
                            /**
                             * @description who asked for it
                             * @enum {unknown}
                             */
                            actorKind: "operator" | "service";
                            /** @description why; null: none was given */
                            reason: string | null;
                            /** @description of the request */
                            method: string;
                            /** @description of the request */
                            path: string;
                            /** @description the account that it is about; null: none, or several */
                            account: string | null;
                            /** @description what was asked; null: the request has no body */
                            body: {
                                [key: string]: unknown;
                            } | null;
                            /** @description names the request in logs */
                            requestId: string;
                            /** @description the HTTP status of the answer; null: it still runs, or what became of it is unknown */
                            status: number | null;
                        }[];
                        /** @description for the next page; null on the last one */
                        nextCursor: string | null;
                    };
                };
            };
        };
    };
    getReconciliation: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description when accounts were compared last; null: not yet */
                        lastBatchAt: string | null;
                        /** @description when the last round ended; null: none has */
                        lastRoundAt: string | null;
                        /** @description how many accounts the last round compared; null: none has ended */
                        lastRoundAccounts: number | null;
                        /** @description when the last round of all accounts ended; null: none has */
                        lastFullRoundAt: string | null;
                        /** @description the round that runs now */
                        round: {
                            /** @description whether it compares all accounts, not only those that changed */
                            full: boolean;
                            /** @description how many accounts */
                            accounts: number;
                        };
                        /** @description whether the next round compares all accounts */
                        fullRoundWanted: boolean;
                        /** @description how many differences are open, by check */
                        open: {
                            /** @description what was compared */
                            check: string;
                            /** @description how many accounts */
                            accounts: number;
                            /** @description the difference in millionths of a credit */
                            differenceMicros: number;
                        }[];
                        /** @description the open differences */
                        findings: {
                            /** @description names it */
                            id: string;
                            /** @description the account that pays */
                            account: string | null;
                            /** @description what was compared */
                            check: string;
                            /** @description the number of the shard of the journal */
                            shard: number | null;
                            /** @description the number of the entry in the ledger of the account */
                            seq: number | null;
                            /** @description what the books say */
                            expected: string;
                            /** @description what Redis says */
                            actual: string;
                            /** @description the difference in millionths of a credit */
                            differenceMicros: number;
                            /**
                             * Format: date-time
                             * @description when it was seen first
                             */
                            firstSeenAt: string;
                            /**
                             * Format: date-time
                             * @description when it was seen last
                             */
                            lastSeenAt: string;
                        }[];
                        /** @description sums over all accounts */
                        sums: {
                            /** @description how many accounts */
                            accounts: number;
                            /** @description granted = available + held + captured + expired + removed - debt, exactly */
                            conserves: boolean;
                            /** @description credits that can be spent now */
                            available: string;
                            /** @description credits that open holds keep */
                            held: string;
                            /** @description credits that are owed: the next grant pays them first */
                            debt: string;
                            /** @description credits that were granted */
                            granted: string;
                            /** @description credits that were charged */
                            captured: string;
                            /** @description credits that ended with their lot */
                            expired: string;
                            /** @description credits that were taken away without usage */
                            removed: string;
                            /** @description credits of usage that nothing paid */
                            uncollected: string;
                        };
                    };
                };
            };
        };
    };
    reconcile: {
        parameters: {
            query?: never;
            header?: {
                /** @description your name for this request, 1 to 255 visible ASCII characters: sent again under the same name, it is answered again and done once */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description the account that pays */
                    account?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the account that pays */
                        account: string;
                        /** @description the number of the shard of the journal */
                        shard: number;
                        /** @description the number of the entry in the ledger of the account */
                        seq: number | null;
                        /**
                         * @description how the comparison ended
                         * @enum {unknown}
                         */
                        result: "ok" | "drift" | "busy" | "failed";
                        /** @description why, as the caller told it */
                        reason: string | null;
                        /** @description what differs */
                        differences: {
                            /** @description what was compared */
                            check: string;
                            /** @description what the books say */
                            expected: string;
                            /** @description what Redis says */
                            actual: string;
                            /** @description the difference in millionths of a credit */
                            differenceMicros: number;
                        }[];
                    };
                };
            };
            /** @description Recorded for good, and about to be done. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description where it stands
                         * @enum {unknown}
                         */
                        status: "started";
                    };
                };
            };
        };
    };
}
