/*
 * Streaming decoder of patches (codecs "full" and "tensor"): the device holds a base, receives a patch in pieces of any
 * size, and writes the result into its spare slot. No heap, no recursion, one struct of about 1.3 kB.
 *
 *     mote_patch_begin(&patch, &port);
 *     while ((n = receive(bytes, sizeof bytes)) > 0)
 *         if ((error = mote_patch_push(&patch, bytes, n)) < 0) return error;
 *     error = mote_patch_finish(&patch);
 *
 * A patch is untrusted input. Whatever it holds, the decoder reads only within the base and within what it has written,
 * writes at most `max_result_length` bytes, one after the other, and ends. After MOTE_OK from mote_patch_finish
 * mote_patch.result_sha256 is the digest of what was written; the caller then holds it against the signed one. The payload's
 * format is that of protocol/src/patch/layout.ts, held equal by protocol/vectors/patch.
 */
#ifndef MOTE_PATCH_H
#define MOTE_PATCH_H

#include <stdint.h>

#include "mote/error.h"
#include "mote/sha256.h"

/* Each function returns 0, or any other number on failure, which ends the patch with MOTE_ERROR_PORT. */
struct mote_patch_port {
    /* Handed to each function as it is. */
    void *context;
    /* Reads `length` bytes of the base; always within base_length. */
    int (*read_base)(void *context, uint32_t offset, uint8_t *bytes, uint32_t length);
    /* Reads bytes that write() has taken, also those that the port still holds in a page buffer. */
    int (*read_result)(void *context, uint32_t offset, uint8_t *bytes, uint32_t length);
    /* Takes the next bytes of the result; offsets only grow. At most MOTE_PATCH_WRITE_BYTES at once. */
    int (*write)(void *context, uint32_t offset, const uint8_t *bytes, uint32_t length);
    /* Bytes of the base; 0 when there is none. */
    uint32_t base_length;
    /* Bytes; the length in the signed manifest, at most the slot. A patch that claims more is refused. */
    uint32_t max_result_length;
};

#define MOTE_PATCH_WRITE_BYTES 20u
#define MOTE_PATCH_HEADER_MAX_BYTES 15u
/* Of each SHA-256, what the header keeps. */
#define MOTE_PATCH_DIGEST_BYTES 4u
#define MOTE_PATCH_WINDOW_BYTES 16u
/* A power of two, beyond the most that one number may take. */
#define MOTE_PATCH_INPUT_BYTES 64u
#define MOTE_PATCH_CONTEXTS 333u
/* Channels of a row. */
#define MOTE_PATCH_CHANNELS 4u

/*
 * Plain data: no pointer but `port`. Fields are private but for those named above. The smallest come first, because short
 * instructions reach 32 bytes far for bytes, 64 for halfwords and 128 for words.
 */
struct mote_patch {
    uint8_t fields;    /* still to be read, of the operation at hand */
    uint8_t kind;
    uint8_t mode;
    uint8_t has_base;
    uint8_t channels;  /* of a row */
    uint8_t lanes;     /* channels as codes have them */
    uint8_t before;    /* bytes of words before the codes, and behind them */
    uint8_t behind;
    uint8_t unchanged; /* lanes, a bit each */
    uint8_t ratio_at;
    int8_t borrow;     /* from the high code of a pair */
    uint8_t area;      /* what the shared adaptive bits were used for last: a kind */
    uint8_t begin;     /* where in the result the operation begins, modulo 256 */
    uint8_t output_length;
    uint8_t window_length;
    uint8_t input_at;  /* both run modulo 256; of the header: bytes so far */
    uint8_t input_end;
    uint8_t virtual_zeros;
    uint8_t is_open;   /* the header is read */
    uint8_t is_ended;
    int16_t error;     /* first error; sticky */
    uint16_t form;     /* of rows */
    int16_t ratio[MOTE_PATCH_CHANNELS]; /* how the scale of each channel moved */
    uint32_t range;
    uint32_t code;
    uint32_t base_length;
    uint32_t result_length;
    uint32_t produced;  /* bytes of the result */
    uint32_t end;       /* of the operation at hand, in the result */
    uint32_t row_end;
    uint32_t row_length;
    uint32_t base_at;
    uint32_t distance;
    uint32_t window_at; /* where in the base `window` begins */
    uint32_t moved;     /* by how much the bias before moved */
    float factor;       /* of products */
    const struct mote_patch_port *port;
    uint16_t probability[MOTE_PATCH_CONTEXTS]; /* before the first bit: the header; after the last: a digest */
    uint8_t count[MOTE_PATCH_CONTEXTS];
    uint8_t input[MOTE_PATCH_INPUT_BYTES];
    uint8_t output[MOTE_PATCH_WRITE_BYTES];
    uint8_t window[MOTE_PATCH_WINDOW_BYTES];
    uint8_t result_sha256[MOTE_SHA256_BYTES];
    struct mote_sha256 sha;
};

/* `port` must stay valid until the end. */
void mote_patch_begin(struct mote_patch *patch, const struct mote_patch_port *port);

/* Takes the next bytes of the patch. MOTE_OK, or the first error, which stays. */
int mote_patch_push(struct mote_patch *patch, const uint8_t *bytes, uint32_t length);

/* Says that no more bytes come. MOTE_OK when the result is complete and has its digest. */
int mote_patch_finish(struct mote_patch *patch);

#endif
