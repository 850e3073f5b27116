/*
 * Processes that do something together.
 */
#ifndef TEST_PROCESSES_H
#define TEST_PROCESSES_H

#include <sys/wait.h>
#include <unistd.h>

#include "store_checks.h"

#define PROCESSES 4

/* Runs it in several processes, which begin together. The parent must have no
 * database open. */
static inline void run_processes(int (*run)(int number, int answers), int answers) {
  int gate[2], status;
  char byte;

  assert_int_equal(pipe(gate), 0);
  for (int i = 0; i < PROCESSES; i++) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
      close(gate[1]);
      _exit(read(gate[0], &byte, 1) == 0 ? run(i, answers) : 1);
    }
  }
  close(gate[0]);
  close(gate[1]);
  for (int i = 0; i < PROCESSES; i++) {
    assert_true(wait(&status) > 0);
    assert_int_equal(status, 0);
  }
}

#endif
