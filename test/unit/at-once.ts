/** In ms: longer than an immediate event takes on a busy machine, and shorter than any time limit that could cause it instead. */
export const atOnce = 1000
