/*
 * The public buffer: where a callback puts the bytes that it gives back.
 */
#ifndef IVS_ENGINE_SINK_H
#define IVS_ENGINE_SINK_H

#include <invsrc/invsrc.h>

#include "core/buffer.h"

struct invsrc_buffer {
  ivs_buffer data;
};

#endif
