/*
 * See issues.h.
 */
#include "core/issues.h"

void ivs_issues_add(ivs_issues *issues, const char *path, const char *message) {
  if (issues->count == IVS_ISSUES_MAX) return;
  issues->items[issues->count].path = path;
  issues->items[issues->count].message = message;
  issues->count++;
}
