/*
 * The program's commands: what each is called with, and how it ends. A command
 * sees its options by name; the parser sees nothing of what they mean.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <stddef.h>

/* How the program ends. */
#define EXIT_DONE 0
#define EXIT_REFUSED 1 /* what was asked for is wrong: a 4xx */
#define EXIT_USAGE 2
#define EXIT_FAILED 3 /* a 5xx, or something that is needed does not work */

typedef struct option {
  const char *name;  /* without the dashes */
  const char *value; /* what the value is called; NULL for a switch */
  const char *help;
} option;

#define MOST_OPTIONS 32

/* The words of a command line, sorted out. */
typedef struct arguments {
  const struct command *command;
  const char *values[MOST_OPTIONS]; /* by the option's place; "" for a switch that is on */
  char **operands;
  int operand_count;
} arguments;

typedef struct command {
  const char *name; /* one word or two: "serve", "key generate" */
  const char *operands;
  const char *summary;
  int least_operands;
  int most_operands; /* -1: any number */
  int (*run)(const arguments *given);
  const option *options[MOST_OPTIONS]; /* NULL-terminated */
} command;

/* The value of an option, or NULL when it was not given. */
const char *value_of(const arguments *given, const option *wanted);

/* Prints "invsrc: …" on standard error and returns `status`. */
int complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with the meaning of a value of errno at its end. */
int complain_of(int status, int number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
