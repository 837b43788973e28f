#include "mote/ed25519.h"

#include <stdbool.h>
#include <string.h>

#include "mote/sha512.h"

/* Big locals of steps that end before others begin must not lie on the stack side by side. */
#if defined(__GNUC__)
#define APART __attribute__((noinline))
#else
#define APART
#endif

/* ---- the field: integers modulo p = 2^255 - 19 in eight words, below 2^256, so that 2^256 counts as 38 ---- */

#define WORDS 8u
typedef uint32_t element[WORDS];

static const element ZERO = { 0 };
static const element ONE = { 1 };
/* -121665 / 121666, its double, and a square root of -1. */
static const element D = { 0x135978a3, 0x75eb4dca, 0x4141d8ab, 0x00700a4d,
                           0x7779e898, 0x8cc74079, 0x2b6ffe73, 0x52036cee };
static const element TWO_D = { 0x26b2f159, 0xebd69b94, 0x8283b156, 0x00e0149a,
                               0xeef3d130, 0x198e80f2, 0x56dffce7, 0x2406d9dc };
static const element ROOT_OF_MINUS_ONE = { 0x4a0ea0b0, 0xc4ee1b27, 0xad2fe478, 0x2f431806,
                                           0x3dfbd7a7, 0x2b4d0099, 0x4fc1df0b, 0x2b832480 };

static void load(element r, const uint8_t bytes[32])
{
    for (unsigned i = 0; i < WORDS; i++, bytes += 4) {
        r[i] = bytes[0] | ((uint32_t)bytes[1] << 8) | ((uint32_t)bytes[2] << 16) | ((uint32_t)bytes[3] << 24);
    }
}

/* Adds `carry` times 2^256. The second round, where there is one, finds small numbers and ends it. */
static void fold(element r, uint64_t carry)
{
    while (carry != 0) {
        carry *= 38u;
        for (unsigned i = 0; i < WORDS; i++) {
            carry += r[i];
            r[i] = (uint32_t)carry;
            carry >>= 32;
        }
    }
}

static void add(element r, const element a, const element b)
{
    uint64_t carry = 0;
    for (unsigned i = 0; i < WORDS; i++) {
        carry += (uint64_t)a[i] + b[i];
        r[i] = (uint32_t)carry;
        carry >>= 32;
    }
    fold(r, carry);
}

static void subtract(element r, const element a, const element b)
{
    uint64_t carry = 1;
    for (unsigned i = 0; i < WORDS; i++) {
        carry += (uint64_t)a[i] + (uint32_t)~b[i];
        r[i] = (uint32_t)carry;
        carry >>= 32;
    }
    /* Without a carry r is 2^256 too much; twice at most. */
    for (uint32_t borrow = 1u - (uint32_t)carry; borrow != 0;) {
        uint32_t less = 38;
        for (unsigned i = 0; i < WORDS; i++) {
            uint32_t before = r[i];
            r[i] = before - less;
            less = before < less;
        }
        borrow = less;
    }
}

/* high:low = a * b + low + high, which 64 bits always hold. Nine tenths of a verification are spent here. */
static inline void multiply_add(uint32_t *low, uint32_t *high, uint32_t a, uint32_t b)
{
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
    __asm("umaal %0, %1, %2, %3" : "+r"(*low), "+r"(*high) : "r"(a), "r"(b));
#else
    uint64_t sum = (uint64_t)a * b + *low + *high;
    *low = (uint32_t)sum;
    *high = (uint32_t)(sum >> 32);
#endif
}

static void multiply(element r, const element a, const element b)
{
    uint32_t product[2u * WORDS] = { 0 };
    for (unsigned i = 0; i < WORDS; i++) {
        uint32_t carry = 0;
        /* Written out, because compilers that are asked for small code keep the loop: 100 bytes for a third of the time. */
        multiply_add(&product[i + 0], &carry, a[i], b[0]);
        multiply_add(&product[i + 1], &carry, a[i], b[1]);
        multiply_add(&product[i + 2], &carry, a[i], b[2]);
        multiply_add(&product[i + 3], &carry, a[i], b[3]);
        multiply_add(&product[i + 4], &carry, a[i], b[4]);
        multiply_add(&product[i + 5], &carry, a[i], b[5]);
        multiply_add(&product[i + 6], &carry, a[i], b[6]);
        multiply_add(&product[i + 7], &carry, a[i], b[7]);
        product[i + WORDS] = carry;
    }
    uint64_t carry = 0;
    for (unsigned i = 0; i < WORDS; i++) {
        carry += (uint64_t)product[i + WORDS] * 38u + product[i];
        r[i] = (uint32_t)carry;
        carry >>= 32;
    }
    fold(r, carry);
}

/* For r below 2^255: is it p or more? */
static bool is_beyond(const element r)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < WORDS; i++) {
        sum = (sum >> 32) + r[i] + (i == 0 ? 19u : 0u);
    }
    return (sum >> 31) != 0;
}

/* Adds `bit` times 19 and takes bit 255 away: the same number modulo p where that bit was `bit`. */
static void wrap(element r, uint32_t bit)
{
    uint64_t carry = 19u * bit;
    r[WORDS - 1u] &= 0x7fffffffu;
    for (unsigned i = 0; i < WORDS; i++) {
        carry += r[i];
        r[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

/* The one representative below p. */
static void freeze(element r)
{
    wrap(r, r[WORDS - 1u] >> 31);
    wrap(r, r[WORDS - 1u] >> 31);
    if (is_beyond(r)) {
        wrap(r, 1);
        r[WORDS - 1u] &= 0x7fffffffu;
    }
}

static bool is_equal(const element a, const element b)
{
    element difference;
    subtract(difference, a, b);
    freeze(difference);
    return memcmp(difference, ZERO, sizeof difference) == 0;
}

/* a ^ (2 ^ squarings) * b; r may be either. */
static void power(element r, const element a, unsigned squarings, const element b)
{
    element t;
    memcpy(t, a, sizeof t);
    while (squarings-- > 0) {
        multiply(t, t, t);
    }
    multiply(r, t, b);
}

/* z ^ (2^252 - 3), which is z ^ ((p - 5) / 8). The comments say k where the value is z ^ (2^k - 1). */
static void power_252_3(element r, const element z)
{
    element a;
    element b;
    power(a, z, 1, z);   /* 2 */
    power(a, a, 2, a);   /* 4 */
    power(a, a, 1, z);   /* 5 */
    power(a, a, 5, a);   /* 10 */
    power(b, a, 10, a);  /* 20 */
    power(b, b, 20, b);  /* 40 */
    power(a, b, 10, a);  /* 50 */
    power(b, a, 50, a);  /* 100 */
    power(b, b, 100, b); /* 200 */
    power(a, b, 50, a);  /* 250 */
    power(r, a, 2, z);
}

/* ---- the curve: -x^2 + y^2 = 1 + d x^2 y^2, in extended coordinates (X : Y : Z : T), T = X Y / Z ---- */

struct point {
    element x, y, z, t;
};

static const struct point BASE = {
    { 0x8f25d51a, 0xc9562d60, 0x9525a7b2, 0x692cc760, 0xfdd6dc5c, 0xc0a4e231, 0xcd6e53fe, 0x216936d3 },
    { 0x66666658, 0x66666666, 0x66666666, 0x66666666, 0x66666666, 0x66666666, 0x66666666, 0x66666666 },
    { 1 },
    { 0xa5b7dda3, 0x6dde8ab3, 0x775152f5, 0x20f09f80, 0x64abe37d, 0x66ea4e8e, 0xd78b7665, 0x67875f0f },
};

/*
 * Hisil, Wong, Carter, Dawson 2008, section 3.1. Complete on this curve: it doubles as well, and small orders are no
 * exception. r may be p or q.
 */
static void add_points(struct point *r, const struct point *p, const struct point *q)
{
    element a;
    element b;
    element c;
    element e;
    subtract(a, p->y, p->x);
    subtract(b, q->y, q->x);
    multiply(a, a, b);
    add(b, p->y, p->x);
    add(c, q->y, q->x);
    multiply(b, b, c);
    subtract(e, b, a);
    add(b, b, a); /* h */
    multiply(c, p->t, q->t);
    multiply(c, c, TWO_D);
    multiply(a, p->z, q->z);
    add(a, a, a);
    multiply(r->t, e, b);
    subtract(r->z, a, c); /* f */
    add(c, a, c);         /* g */
    multiply(r->x, e, r->z);
    multiply(r->y, c, b);
    multiply(r->z, r->z, c);
}

/* The negative of an encoded point. False for what encodes none, or not in the one way. RFC 8032, section 5.1.3. */
APART static bool decode_negative(struct point *r, const uint8_t bytes[MOTE_KEY_BYTES])
{
    element u;
    element v;
    element t;
    load(r->y, bytes);
    uint32_t sign = r->y[WORDS - 1u] >> 31;
    r->y[WORDS - 1u] &= 0x7fffffffu;
    if (is_beyond(r->y)) {
        return false;
    }
    memcpy(r->z, ONE, sizeof r->z);
    multiply(u, r->y, r->y);
    multiply(v, u, D);
    subtract(u, u, ONE);
    add(v, v, ONE);
    /* x = u v^3 (u v^7)^((p - 5) / 8) */
    multiply(t, v, v);
    multiply(t, t, v);
    multiply(r->x, t, u);
    multiply(t, t, t);
    multiply(t, t, v);
    multiply(t, t, u);
    power_252_3(t, t);
    multiply(r->x, r->x, t);
    multiply(t, r->x, r->x);
    multiply(t, t, v);
    if (!is_equal(t, u)) {
        subtract(u, ZERO, u);
        if (!is_equal(t, u)) {
            return false;
        }
        multiply(r->x, r->x, ROOT_OF_MINUS_ONE);
    }
    freeze(r->x);
    if ((r->x[0] & 1u) == sign) {
        subtract(r->x, ZERO, r->x);
    }
    multiply(r->t, r->x, r->y);
    return true;
}

APART static void encode(uint8_t bytes[MOTE_KEY_BYTES], const struct point *p)
{
    element inverse;
    element cube;
    element r;
    /* 1 / z = z^(p - 2) = z^(8 (2^252 - 3) + 3) */
    power(cube, p->z, 1, p->z);
    power_252_3(inverse, p->z);
    power(inverse, inverse, 3, cube);
    multiply(r, p->x, inverse);
    freeze(r);
    uint32_t sign = r[0] & 1u;
    multiply(r, p->y, inverse);
    freeze(r);
    r[WORDS - 1u] |= sign << 31;
    for (unsigned i = 0; i < MOTE_KEY_BYTES; i++) {
        bytes[i] = (uint8_t)(r[i / 4u] >> (8u * (i % 4u)));
    }
}

/* ---- scalars modulo the group's order ---- */

static const element ORDER = { 0x5cf5d3ed, 0x5812631a, 0xa2f79cd6, 0x14def9de, 0, 0, 0, 0x10000000 };

/* r = a - order; false, and r of no use, where a is below it. */
static bool subtract_order(element r, const element a)
{
    uint64_t carry = 1;
    for (unsigned i = 0; i < WORDS; i++) {
        carry += (uint64_t)a[i] + (uint32_t)~ORDER[i];
        r[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return carry != 0;
}

/* SHA-512(R, A, message) modulo the order, bit by bit: 1 % of the time, and no second multiplication to write. */
APART static void hash_to_scalar(element r, const uint8_t *public_key, const struct mote_bytes *message, unsigned pieces,
                                 const uint8_t *signature)
{
    struct mote_sha512 sha;
    element less;
    mote_sha512_begin(&sha);
    mote_sha512_add(&sha, signature, MOTE_SIGNATURE_BYTES / 2u);
    mote_sha512_add(&sha, public_key, MOTE_KEY_BYTES);
    for (unsigned i = 0; i < pieces; i++) {
        mote_sha512_add(&sha, message[i].bytes, message[i].length);
    }
    uint8_t *digest = (uint8_t *)sha.block;
    mote_sha512_end(&sha, digest);
    memset(r, 0, sizeof(element));
    for (unsigned bit = 8u * MOTE_SHA512_BYTES; bit-- > 0;) {
        uint32_t carry = ((uint32_t)digest[bit / 8u] >> (bit % 8u)) & 1u;
        for (unsigned i = 0; i < WORDS; i++) {
            uint32_t next = r[i] >> 31;
            r[i] = (r[i] << 1) | carry;
            carry = next;
        }
        if (subtract_order(less, r)) {
            memcpy(r, less, sizeof less);
        }
    }
}

static unsigned bit_of(const element scalar, unsigned bit)
{
    return (scalar[bit / 32u] >> (bit % 32u)) & 1u;
}

int mote_ed25519_verify(void *context, const uint8_t public_key[MOTE_KEY_BYTES], const struct mote_bytes *message,
                        unsigned pieces, const uint8_t signature[MOTE_SIGNATURE_BYTES])
{
    struct point minus_key;
    struct point both;
    struct point sum;
    element s;
    element h;
    uint8_t encoded[MOTE_KEY_BYTES];
    (void)context;
    load(s, signature + MOTE_SIGNATURE_BYTES / 2u);
    if (subtract_order(h, s) || !decode_negative(&minus_key, public_key)) {
        return MOTE_ERROR_SIGNATURE;
    }
    /* Eight times a point of small order is neutral, and only then is x zero. */
    add_points(&sum, &minus_key, &minus_key);
    add_points(&sum, &sum, &sum);
    add_points(&sum, &sum, &sum);
    if (is_equal(sum.x, ZERO)) {
        return MOTE_ERROR_SIGNATURE;
    }
    hash_to_scalar(h, public_key, message, pieces, signature);
    /* sum = s BASE - h key, both scalars in one walk. Neutral at first. */
    add_points(&both, &BASE, &minus_key);
    memset(&sum, 0, sizeof sum);
    sum.y[0] = 1;
    sum.z[0] = 1;
    for (unsigned bit = 253; bit-- > 0;) {
        unsigned which = bit_of(s, bit) | (bit_of(h, bit) << 1);
        add_points(&sum, &sum, &sum);
        if (which != 0) {
            add_points(&sum, &sum, which == 1 ? &BASE : which == 2 ? &minus_key : &both);
        }
    }
    encode(encoded, &sum);
    return memcmp(encoded, signature, sizeof encoded) == 0 ? MOTE_OK : MOTE_ERROR_SIGNATURE;
}
