/*
 * One job on the emulated Cortex-M4, between the markers that toolchain/emulator/count-instructions.c looks for: what it
 * costs in instructions and stack. MEASURE is the job, from the Makefile; `npm run bench:shims` runs them all.
 */
#include <string.h>

#include "board.h"
#include "memory_port.h"
#include "mote/trust.h"

#include "envelope_vectors.h"

#define FILES(name) extern const uint8_t name##_base[], name##_base_end[], name##_patch[], name##_patch_end[]
FILES(tensor);
FILES(full);

int measure_tensor(void);
int measure_full(void);
int measure_signature(void);
int measure_release(void);
int measure_root(void);

__attribute__((noinline)) void mote_begin(void)
{
    __asm volatile("" ::: "memory");
}

__attribute__((noinline)) void mote_end(void)
{
    __asm volatile("" ::: "memory");
}

static uint8_t output[4096];
static struct mote_patch decoder;
static struct mote_trust trust;
static struct mote_release release;

static int decode(const uint8_t *base, uint32_t base_length, const uint8_t *patch, uint32_t patch_length)
{
    struct memory memory = { .base = base,
                             .base_length = base_length,
                             .result = output,
                             .capacity = sizeof output,
                             .calls_left = -1 };
    struct mote_patch_port port = memory_port(&memory);
    board_paint_stack();
    mote_begin();
    mote_patch_begin(&decoder, &port);
    int error = mote_patch_push(&decoder, patch, patch_length);
    error = error == MOTE_OK ? mote_patch_finish(&decoder) : error;
    mote_end();
    board_print_number("stackBytes", board_stack_used());
    board_print_number("stateBytes", sizeof decoder);
    board_print_number("inputBytes", patch_length);
    board_print_number("outputBytes", memory.written);
    return error;
}

int measure_tensor(void)
{
    return decode(tensor_base, (uint32_t)(tensor_base_end - tensor_base), tensor_patch,
                  (uint32_t)(tensor_patch_end - tensor_patch));
}

int measure_full(void)
{
    return decode(full_base, 0, full_patch, (uint32_t)(full_patch_end - full_patch));
}

static const struct mote_verifier OWN = { mote_ed25519_verify, NULL };

int measure_signature(void)
{
    /* RFC 8032, section 7.1, test 2. */
    static const uint8_t KEY[32] = { 0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a, 0x92, 0xb7, 0x0a,
                                     0xa7, 0x4d, 0x1b, 0x7e, 0xbc, 0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4,
                                     0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c };
    static const uint8_t SIGNATURE[64] = {
        0x92, 0xa0, 0x09, 0xa9, 0xf0, 0xd4, 0xca, 0xb8, 0x72, 0x0e, 0x82, 0x0b, 0x5f, 0x64, 0x25, 0x40,
        0xa2, 0xb2, 0x7b, 0x54, 0x16, 0x50, 0x3f, 0x8f, 0xb3, 0x76, 0x22, 0x23, 0xeb, 0xdb, 0x69, 0xda,
        0x08, 0x5a, 0xc1, 0xe4, 0x3e, 0x15, 0x99, 0x6e, 0x45, 0x8f, 0x36, 0x13, 0xd0, 0xf1, 0x1d, 0x8c,
        0x38, 0x7b, 0x2e, 0xae, 0xb4, 0x30, 0x2a, 0xee, 0xb0, 0x0d, 0x29, 0x16, 0x12, 0xbb, 0x0c, 0x00,
    };
    static const struct mote_bytes MESSAGE = { (const uint8_t *)"\x72", 1 };
    board_paint_stack();
    mote_begin();
    int error = mote_ed25519_verify(NULL, KEY, &MESSAGE, 1, SIGNATURE);
    mote_end();
    board_print_number("stackBytes", board_stack_used());
    return error;
}

static int judge(unsigned which)
{
    const struct mote_envelope_vector *v = &mote_envelope_vectors[which];
    const struct mote_question question = { MOTE_VECTOR_PRODUCT, MOTE_VECTOR_HARDWARE, mote_vector_architecture, 0 };
    board_paint_stack();
    mote_begin();
    int error = mote_trust_pin(&trust, &OWN, v->root, (uint32_t)v->root_length, v->floor, v->time_s);
    if (error == MOTE_OK) {
        error = v->is_root ? mote_trust_rotate(&trust, v->envelope, (uint32_t)v->envelope_length)
                           : mote_trust_judge(&trust, v->envelope, (uint32_t)v->envelope_length, &question, &release);
    }
    mote_end();
    board_print_number("stackBytes", board_stack_used());
    board_print_number("stateBytes", sizeof trust);
    board_print_number("inputBytes", (uint32_t)v->envelope_length);
    return error;
}

static unsigned find(int is_root)
{
    unsigned i = 0;
    while (mote_envelope_vectors[i].is_root != is_root || strcmp(mote_envelope_vectors[i].verdict, "ok") != 0) {
        i++;
    }
    return i;
}

/* Two of three keys. */
int measure_release(void)
{
    return judge(find(0));
}

/* The same two of three keys stay: each signature is checked for the root before and for the new one. */
int measure_root(void)
{
    return judge(find(1));
}

int main(void)
{
    int error = MEASURE();
    board_print(error == MOTE_OK ? "done\n" : "FAILED\n");
    return error;
}
