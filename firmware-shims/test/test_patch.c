/*
 * Holds the decoder to the vectors that the TypeScript decoder is held to: in pieces, cut, with flipped bits, cut short,
 * and with a port that fails. Everywhere in small patches and in the first 600 bytes, in strides beyond.
 */
#include "check.h"
#include "memory_port.h"

#include <string.h>

#define MAX_FILE 65536u

static uint8_t base[MAX_FILE];
static uint8_t result[MAX_FILE];
static uint8_t patch[MAX_FILE];
static uint8_t output[MAX_FILE];
static uint32_t base_length;
static uint32_t result_length;
static uint32_t patch_length;

static uint32_t load(const char *folder, const char *name, const char *part, uint8_t *bytes)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s.%s", folder, name, part);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    uint32_t length = (uint32_t)fread(bytes, 1, MAX_FILE, file);
    (void)fclose(file);
    return length;
}

static struct memory fresh(void)
{
    struct memory memory = { .base = base,
                             .base_length = base_length,
                             .result = output,
                             .capacity = result_length,
                             .calls_left = -1 };
    memset(output, 0xA5, sizeof output);
    return memory;
}

/* In two pieces cut at `cut`, and the second one in pieces of `piece` bytes. */
static int apply(struct memory *memory, uint32_t length, uint32_t cut, uint32_t piece)
{
    static struct mote_patch decoder;
    struct mote_patch_port port = memory_port(memory);
    mote_patch_begin(&decoder, &port);
    int error = mote_patch_push(&decoder, patch, cut);
    for (uint32_t at = cut; at < length && error == MOTE_OK; at += piece) {
        error = mote_patch_push(&decoder, patch + at, piece < length - at ? piece : length - at);
    }
    int finished = mote_patch_finish(&decoder);
    CHECK(error == MOTE_OK || finished == error);
    CHECK(!memory->trespassed);
    return finished;
}

static int is_exact(const struct memory *memory)
{
    return memory->written == result_length && memcmp(output, result, result_length) == 0;
}

static void test_pieces(void)
{
    for (uint32_t cut = 0; cut <= patch_length; cut += cut < 600u ? 1u : 53u) {
        struct memory memory = fresh();
        CHECK(apply(&memory, patch_length, cut, patch_length + 1u) == MOTE_OK);
        CHECK(is_exact(&memory));
    }
    for (uint32_t piece = 1; piece < 200; piece += piece < 8 ? 1 : 37) {
        struct memory memory = fresh();
        CHECK(apply(&memory, patch_length, 0, piece) == MOTE_OK);
        CHECK(is_exact(&memory));
    }
}

/* A flipped bit of a mode that makes no difference to these codes may go unseen; a wrong result may not. */
static void test_flipped_bits(void)
{
    uint32_t stride = patch_length < 600u ? 1u : 61u;
    for (uint32_t bit = 0; bit < 8u * patch_length; bit += bit < 640u ? 1u : stride) {
        patch[bit / 8u] ^= (uint8_t)(1u << (bit % 8u));
        struct memory memory = fresh();
        CHECK(apply(&memory, patch_length, 0, patch_length + 1u) < 0 || is_exact(&memory));
        patch[bit / 8u] ^= (uint8_t)(1u << (bit % 8u));
    }
}

static void test_lengths(void)
{
    for (uint32_t length = 0; length < patch_length; length += length < 600u ? 1u : 53u) {
        struct memory memory = fresh();
        CHECK(apply(&memory, length, 0, 100) < 0);
    }
    for (uint32_t extra = 1; extra < 100; extra += 7) {
        memset(patch + patch_length, (int)extra, extra);
        struct memory memory = fresh();
        CHECK(apply(&memory, patch_length + extra, 0, 50) == MOTE_ERROR_FORMAT);
    }
    struct memory memory = fresh();
    if (result_length > 0) {
        memory.capacity = result_length - 1u;
        CHECK(apply(&memory, patch_length, 0, 50) == MOTE_ERROR_TOO_LARGE);
    }
}

static void test_wrong_base(void)
{
    if ((patch[2] & 15) == 0) {
        return;
    }
    struct memory memory = fresh();
    base[base_length / 2u] ^= 1;
    CHECK(apply(&memory, patch_length, 0, 50) == MOTE_ERROR_BASE);
    base[base_length / 2u] ^= 1;
    memory = fresh();
    memory.base_length--;
    CHECK(apply(&memory, patch_length, 0, 50) == MOTE_ERROR_BASE);
    CHECK(memory.written == 0);
}

/* The port fails at its first call, at its second … until the patch goes through. */
static void test_failing_port(void)
{
    int error = MOTE_ERROR_PORT;
    for (int32_t calls = 0; error != MOTE_OK; calls += calls < 300 ? 1 : 17) {
        struct memory memory = fresh();
        memory.calls_left = calls;
        error = apply(&memory, patch_length, 0, 64);
        CHECK(error == MOTE_OK || error == MOTE_ERROR_PORT || error == MOTE_ERROR_BASE);
    }
}

int main(int argc, char **argv)
{
    const char *folder = argv[1];
    if (argc < 3) {
        (void)fprintf(stderr, "usage: test_patch FOLDER NAME...\n");
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        base_length = load(folder, argv[i], "base", base);
        result_length = load(folder, argv[i], "result", result);
        patch_length = load(folder, argv[i], "patch", patch);
        test_pieces();
        test_flipped_bits();
        test_lengths();
        test_wrong_base();
        test_failing_port();
        (void)printf("patch vector %s: %u B -> %u B\n", argv[i], (unsigned)patch_length, (unsigned)result_length);
    }
    return failures != 0;
}
