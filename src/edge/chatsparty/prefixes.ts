/** Where this dialect lives: its own place, and the one of its older callers (contract §6 a). */
export const PREFIXES = ['/api/credits', '/credits'] as const;
