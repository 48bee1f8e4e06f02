/** Tells the person at the terminal one thing, in one line. */
export type Say = (sentence: string) => void;
