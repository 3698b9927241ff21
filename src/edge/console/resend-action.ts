import type { DeliveryRow } from '../../credits/webhooks/delivery.table.js';
import { GatewayError } from '../../kit/errors.js';
import { html } from '../http/html.js';
import type { Action } from './action.js';
import { count, moment } from './parts.js';

export type ResendDesk = {
  /** Throws GatewayError not_found. */
  readonly delivery: (endpointId: string, deliveryId: number) => Promise<DeliveryRow>;
  /** Throws GatewayError not_found, conflict: the webhook is disabled. */
  readonly resend: (endpointId: string, deliveryId: number) => Promise<DeliveryRow>;
};

type Target = { readonly endpointId: string; readonly deliveryId: number };

/** Sends an event to a webhook once more. Receivers know it by its id, which stays. */
export function resendAction({ delivery, resend }: ResendDesk): Action<Target, null> {
  return {
    path: '/console/webhooks/:endpointId/deliveries/:deliveryId/resend', title: 'Resend delivery',
    explanation: 'Sends the event again, now and for three more days until it is accepted. It keeps its id, so a receiver knows a repeat.',
    whyHint: 'kept in the audit trail, with your name',
    target: ({ params: { endpointId = '', deliveryId = '' } = {} }) => {
      if (!/^[1-9]\d{0,14}$/.test(deliveryId)) throw new GatewayError('not_found', 'There is no such delivery');
      return { endpointId, deliveryId: Number(deliveryId) };
    },
    home: ({ endpointId }) => `/console/webhooks/deliveries?webhook=${encodeURIComponent(endpointId)}`,
    fields: () => html``, read: () => null,
    preview: async ({ endpointId, deliveryId }) => {
      const { event, state, attempts, createdAtMs } = await delivery(endpointId, deliveryId);
      return [
        ['Event', event.type], ['Account', event.accountId], ['State', state], ['Attempts', count(attempts)], ['Made', moment(createdAtMs)],
      ];
    },
    run: async ({ endpointId, deliveryId }) => {
      await resend(endpointId, deliveryId);
      return { says: 'The event is sent again.', facts: [] };
    },
  };
}
