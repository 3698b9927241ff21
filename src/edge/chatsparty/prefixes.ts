/** Where this dialect lives: its own place, and the one of its older callers (docs/contracts/README.md#where-the-services-disagree. */
export const PREFIXES = ['/api/credits', '/credits'] as const;
