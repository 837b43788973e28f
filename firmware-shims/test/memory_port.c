#include "memory_port.h"

#include <string.h>

static int fails(struct memory *memory)
{
    if (memory->calls_left < 0) {
        return 0;
    }
    return memory->calls_left-- == 0;
}

static int read_base(void *context, uint32_t offset, uint8_t *bytes, uint32_t length)
{
    struct memory *memory = context;
    if (offset > memory->base_length || length > memory->base_length - offset) {
        memory->trespassed = 1;
        return -1;
    }
    memcpy(bytes, memory->base + offset, length);
    return fails(memory);
}

static int read_result(void *context, uint32_t offset, uint8_t *bytes, uint32_t length)
{
    struct memory *memory = context;
    if (offset > memory->written || length > memory->written - offset) {
        memory->trespassed = 1;
        return -1;
    }
    memcpy(bytes, memory->result + offset, length);
    return fails(memory);
}

static int write_result(void *context, uint32_t offset, const uint8_t *bytes, uint32_t length)
{
    struct memory *memory = context;
    if (offset != memory->written || length > memory->capacity - offset || length > MOTE_PATCH_WRITE_BYTES) {
        memory->trespassed = 1;
        return -1;
    }
    memcpy(memory->result + offset, bytes, length);
    memory->written += length;
    return fails(memory);
}

struct mote_patch_port memory_port(struct memory *memory)
{
    memory->written = 0;
    memory->trespassed = 0;
    struct mote_patch_port port = { .context = memory,
                                    .read_base = read_base,
                                    .read_result = read_result,
                                    .write = write_result,
                                    .base_length = memory->base_length,
                                    .max_result_length = memory->capacity };
    return port;
}
