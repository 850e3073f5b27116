/*
 * invsrc: the library's first host. The table of commands, and the parser that
 * reads a command line by it. Knows nothing of what the commands do.
 */
#include <invsrc/invsrc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "commands.h"

static const command *const commands[] = {
    &serve_command,      &activate_command,      &create_command,        &source_list_command,
    &source_get_command, &source_update_command, &source_remove_command, &validate_command,
    &slug_command,       &uri_command,           &key_generate_command,  &key_reseal_command,
    &apikey_add_command, &apikey_list_command,   &apikey_revoke_command,
};

#define COMMANDS (sizeof commands / sizeof *commands)

int complain(int status, const char *format, ...) {
  va_list values;

  fputs("invsrc: ", stderr);
  va_start(values, format);
  vfprintf(stderr, format, values);
  va_end(values);
  fputc('\n', stderr);
  return status;
}

int complain_of(int status, int number, const char *format, ...) {
  char meaning[128];
  va_list values;

  if (strerror_r(number, meaning, sizeof meaning) != 0)
    snprintf(meaning, sizeof meaning, "error %d", number);
  fputs("invsrc: ", stderr);
  va_start(values, format);
  vfprintf(stderr, format, values);
  va_end(values);
  fprintf(stderr, ": %s\n", meaning);
  return status;
}

const char *value_of(const arguments *given, const option *wanted) {
  for (size_t i = 0; given->command->options[i]; i++)
    if (given->command->options[i] == wanted) return given->values[i];
  return NULL;
}

/* ---- Help ------------------------------------------------------------------- */

static int show_version(void) {
  printf("invsrc %s\n", invsrc_version());
  return EXIT_DONE;
}

/* Whether `word` is all of the command's name that comes before a space. */
static int is_in_group(const command *it, const char *word) {
  size_t length = strlen(word);

  return strncmp(it->name, word, length) == 0 && it->name[length] == ' ';
}

static int is_group(const char *word) {
  size_t i = 0;

  while (i < COMMANDS && !is_in_group(commands[i], word)) i++;
  return i < COMMANDS;
}

/* Lists the commands, or those of a group. */
static int show_help(const char *group) {
  puts("usage: invsrc COMMAND [OPTION…] [OPERAND…]\n\ncommands:");
  for (size_t i = 0; i < COMMANDS; i++)
    if (!group || is_in_group(commands[i], group))
      printf("  %-15s %s\n", commands[i]->name, commands[i]->summary);
  puts("\n`invsrc COMMAND --help` tells more; `invsrc --version` which version this is.");
  return EXIT_DONE;
}

static int show_command_help(const command *about) {
  printf("usage: invsrc %s [OPTION…]%s%s\n\n%s.\n\noptions:\n", about->name,
         *about->operands ? " " : "", about->operands, about->summary);
  for (size_t i = 0; about->options[i]; i++) {
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", about->options[i]->name,
             about->options[i]->value ? " " : "",
             about->options[i]->value ? about->options[i]->value : "");
    printf("  %-28s %s\n", left, about->options[i]->help);
  }
  printf("  %-28s %s\n  %-28s %s\n", "--help", "show this", "--version", "show the version");
  return EXIT_DONE;
}

/* ---- Parsing ---------------------------------------------------------------- */

/* The command that the words begin with; how many words it took. */
static const command *find_command(int count, char **words, int *used) {
  for (size_t i = 0; i < COMMANDS; i++) {
    const char *name = commands[i]->name;
    const char *space = strchr(name, ' ');
    size_t first = space ? (size_t)(space - name) : strlen(name);
    *used = space ? 2 : 1;
    if (count < *used || strlen(words[0]) != first || memcmp(words[0], name, first) != 0) continue;
    if (!space || strcmp(words[1], space + 1) == 0) return commands[i];
  }
  return NULL;
}

/* Reads "--name", "--name value" or "--name=value" at words[*at]. */
static int read_option(arguments *given, int count, char **words, int *at) {
  const char *word = words[*at] + 2;
  size_t length = strcspn(word, "=");
  size_t i = 0;
  const option *found;

  while ((found = given->command->options[i]) &&
         (strlen(found->name) != length || memcmp(found->name, word, length) != 0))
    i++;
  if (!found)
    return complain(EXIT_USAGE, "%s has no option --%.*s", given->command->name, (int)length, word);
  if (given->values[i]) return complain(EXIT_USAGE, "--%s is given twice", found->name);
  given->values[i] = "";
  if (!found->value)
    return word[length] ? complain(EXIT_USAGE, "--%s takes no value", found->name) : EXIT_DONE;
  if (word[length] == '=')
    given->values[i] = word + length + 1;
  else if (++*at < count)
    given->values[i] = words[*at];
  else
    return complain(EXIT_USAGE, "--%s needs a value: %s", found->name, found->value);
  return EXIT_DONE;
}

/* Sorts the words into options and operands, which stay in front of `words`. */
static int read_words(arguments *given, int count, char **words) {
  int only_operands = 0, status = EXIT_DONE;

  given->operands = words;
  for (int at = 0; at < count && status == EXIT_DONE; at++) {
    if (!only_operands && strcmp(words[at], "--") == 0)
      only_operands = 1;
    else if (!only_operands && strncmp(words[at], "--", 2) == 0)
      status = read_option(given, count, words, &at);
    else if (!only_operands && words[at][0] == '-' && words[at][1])
      status = complain(EXIT_USAGE, "%s has no option %s", given->command->name, words[at]);
    else
      given->operands[given->operand_count++] = words[at];
  }
  if (status != EXIT_DONE) return status;
  if (given->operand_count < given->command->least_operands)
    return complain(EXIT_USAGE, "%s needs %s", given->command->name, given->command->operands);
  if (given->command->most_operands >= 0 && given->operand_count > given->command->most_operands)
    return complain(EXIT_USAGE, "%s does not take %s", given->command->name,
                    given->operands[given->command->most_operands]);
  return EXIT_DONE;
}

/* Whether `word` is among the words, before any "--". */
static int has_word(int count, char **words, const char *word) {
  for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++)
    if (strcmp(words[i], word) == 0) return 1;
  return 0;
}

static int asks_for_help(int count, char **words) {
  return has_word(count, words, "--help") || has_word(count, words, "-h");
}

/* What to do where the words begin with no command, but may with half of one. */
static int run_group(int count, char **words) {
  if (!is_group(words[0]))
    return complain(EXIT_USAGE, "there is no command %s; `invsrc --help` lists them", words[0]);
  if (asks_for_help(count, words)) return show_help(words[0]);
  if (has_word(count, words, "--version")) return show_version();
  if (count < 2)
    return complain(EXIT_USAGE, "which command? `invsrc %s --help` lists them", words[0]);
  return complain(EXIT_USAGE, "there is no command %s %s; `invsrc %s --help` lists them", words[0],
                  words[1], words[0]);
}

/* `invsrc help COMMAND` is `invsrc COMMAND --help`. */
static int help(int count, char **words) {
  int used;
  const command *about = find_command(count, words, &used);

  if (about) return show_command_help(about);
  if (count < 1 || is_group(words[0])) return show_help(count < 1 ? NULL : words[0]);
  return run_group(count, words);
}

static int run(int count, char **words) {
  arguments given = {NULL, {NULL}, NULL, 0};
  int used = 0, status;

  if (count < 1) return complain(EXIT_USAGE, "which command? `invsrc --help` lists them");
  if (strcmp(words[0], "--version") == 0) return show_version();
  if (strcmp(words[0], "help") == 0) return help(count - 1, words + 1);
  if (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0) return show_help(NULL);
  given.command = find_command(count, words, &used);
  if (!given.command) return run_group(count, words);
  if (asks_for_help(count - used, words + used)) return show_command_help(given.command);
  if (has_word(count - used, words + used, "--version")) return show_version();
  status = read_words(&given, count - used, words + used);
  return status == EXIT_DONE ? given.command->run(&given) : status;
}

int main(int count, char **words) {
  int status = run(count - 1, words + 1);

  if (fflush(stdout) != 0 || ferror(stdout))
    return complain(EXIT_FAILED, "standard output cannot be written");
  return status;
}
