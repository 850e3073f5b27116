/*
 * The commands, each described and carried out by the file that is named after it.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "command.h"

extern const command serve_command;
extern const command activate_command;
extern const command create_command;
extern const command validate_command, slug_command, uri_command; /* pure.c */
extern const command key_generate_command, key_reseal_command;    /* key.c */
extern const command source_list_command, source_get_command, source_update_command,
    source_remove_command;
extern const command apikey_add_command, apikey_list_command, apikey_revoke_command;

#endif
