/** In ms: more than a busy machine takes for what happens at once, and less than any time limit that could have ended it instead. */
export const atOnce = 1000
