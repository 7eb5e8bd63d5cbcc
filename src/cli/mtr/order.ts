/** As in mtr(8): loss, dropped, received, sent, newest, best, average, worst, standard deviation, mean jitter. */
export const knownLetters = 'LDRSNBAWVM'
export const defaultOrder = 'LSNABWVM'
