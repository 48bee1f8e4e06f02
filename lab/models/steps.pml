/*
 * What each model shares. A model has all its variables in `print_state`, and its invariants in `check`. Each atomic step
 * of a process prints the states before and after it, so that the search prints the whole graph:
 *
 *   d_step { guard -> STEP("label", process); effects; DONE }
 */
#define STEP(label, process) printf("step "); printf(label); printf(" %d ; ", process); print_state(); printf("-> ")
#define DONE print_state(); printf("\n"); check()
