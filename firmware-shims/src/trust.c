#include "mote/trust.h"

#include <stdbool.h>
#include <string.h>

/*
 * An envelope has one encoding (protocol/src/trust/cose.ts), so reading is comparing with what must stand there:
 *
 *     d8 62 84                                     tag 98, an array of four
 *        51 a1 03 6e "mote.release/2"              protected: content type (or 4e a1 03 6b "mote.root/1")
 *        a0
 *        58 .. payload
 *        82                                        so many signatures, ascending by kid:
 *           83 4d a2 01 27 04 48 kid a0 58 40 signature
 */

enum { KID_BYTES = 8, KID_AT = 7, SIGNATURE_AT = 18, SIGNER_BYTES = SIGNATURE_AT + MOTE_SIGNATURE_BYTES };
enum { MAJOR_UINT = 0, MAJOR_BYTES = 2, MAJOR_TEXT = 3, MAJOR_ARRAY = 4, MAX_TEXT = 63 };
enum { ROOT_FIELDS = 6, RELEASE_FIELDS = 15 };

/* Protected headers as the byte strings that they are, in the envelope and in what is signed. */
static const uint8_t ROOT_TYPE[] = { 0x4e, 0xa1, 0x03, 0x6b, 'm', 'o', 't', 'e', '.', 'r', 'o', 'o', 't', '/', '1' };
static const uint8_t RELEASE_TYPE[] = { 0x51, 0xa1, 0x03, 0x6e, 'm', 'o', 't', 'e', '.',
                                        'r',  'e',  'l',  'e',  'a', 's', 'e', '/', '2' };
static const uint8_t SIGNER_HEAD[KID_AT] = { 0x83, 0x4d, 0xa2, 0x01, 0x27, 0x04, 0x48 };
static const uint8_t SIGNER_MIDDLE[3] = { 0xa0, 0x58, 0x40 };
static const uint8_t TAG[3] = { 0xd8, 0x62, 0x84 };
static const uint8_t CONTEXT[11] = { 0x85, 0x69, 'S', 'i', 'g', 'n', 'a', 't', 'u', 'r', 'e' };
static const uint8_t NO_EXTERNAL_DATA[1] = { 0x40 };

/* ---- deterministic CBOR ---- */

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed; /* sticky; what is read afterwards is 0 or nothing */
};

static uint32_t left(const struct reader *r)
{
    return (uint32_t)(r->end - r->at);
}

/* The next `length` bytes; where they are not there, bytes that may be read, and `failed`. */
static const uint8_t *take(struct reader *r, uint32_t length)
{
    const uint8_t *taken = r->at;
    if (r->failed || length > left(r)) {
        r->failed = true;
        return NULL;
    }
    r->at += length;
    return taken;
}

static void expect(struct reader *r, const uint8_t *bytes, uint32_t length)
{
    const uint8_t *taken = take(r, length);
    if (taken == NULL || memcmp(taken, bytes, length) != 0) {
        r->failed = true;
    }
}

/* The argument of an item of this major type, in the shortest of its forms up to 32 bits. RFC 8949, section 3. */
static uint32_t head(struct reader *r, unsigned major)
{
    const uint8_t *first = take(r, 1);
    if (first == NULL || *first >> 5 != major) {
        r->failed = true;
        return 0;
    }
    unsigned argument = *first & 31u;
    if (argument < 24u) {
        return argument;
    }
    unsigned width = argument - 24u; /* 0, 1, 2: one, two or four bytes */
    const uint8_t *bytes = width > 2u ? NULL : take(r, 1u << width);
    if (bytes == NULL) {
        r->failed = true;
        return 0;
    }
    uint32_t value = 0;
    for (unsigned i = 0; i < 1u << width; i++) {
        value = (value << 8) | bytes[i];
    }
    static const uint32_t LEAST[3] = { 24u, 0x100u, 0x10000u };
    if (value < LEAST[width]) {
        r->failed = true;
    }
    return value;
}

static uint32_t read_uint(struct reader *r, uint32_t least)
{
    uint32_t value = head(r, MAJOR_UINT);
    r->failed |= value < least;
    return value;
}

static struct mote_bytes read_text(struct reader *r)
{
    uint32_t length = head(r, MAJOR_TEXT);
    struct mote_bytes text = { take(r, length), length };
    if (text.bytes == NULL || length < 1u || length > MAX_TEXT) {
        r->failed = true;
        return text;
    }
    for (uint32_t i = 0; i < length; i++) {
        r->failed |= text.bytes[i] < 0x21u || text.bytes[i] > 0x7eu;
    }
    return text;
}

static const uint8_t *read_digest(struct reader *r)
{
    r->failed |= head(r, MAJOR_BYTES) != MOTE_SHA256_BYTES;
    return take(r, MOTE_SHA256_BYTES);
}

/* Threshold and keys, ascending, none twice. */
static void read_keys(struct reader *r, struct mote_keys *keys)
{
    uint32_t threshold = read_uint(r, 1);
    uint32_t count = head(r, MAJOR_ARRAY);
    const uint8_t *before = NULL;
    if (count < 1u || count > MOTE_TRUST_MAX_KEYS) {
        r->failed = true;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *key = read_digest(r);
        if (key == NULL || (before != NULL && memcmp(before, key, MOTE_KEY_BYTES) >= 0)) {
            r->failed = true;
            return;
        }
        keys->first = i == 0 ? key : keys->first;
        before = key;
    }
    keys->count = (uint8_t)count;
    /* More than can ever sign stays more than can ever sign. */
    keys->threshold = threshold > MOTE_TRUST_MAX_KEYS ? MOTE_TRUST_MAX_KEYS + 1u : (uint8_t)threshold;
}

/* ---- COSE_Sign ---- */

struct envelope {
    const uint8_t *type; /* protected header */
    uint32_t type_length;
    struct mote_bytes head; /* head of the payload's byte string */
    struct mote_bytes payload;
    const uint8_t *signers;
    uint32_t count;
};

static int open_envelope(struct envelope *e, const uint8_t *bytes, uint32_t length, const uint8_t *type,
                         uint32_t type_length)
{
    if (length > MOTE_ENVELOPE_MAX_BYTES) {
        return MOTE_ERROR_FORMAT;
    }
    struct reader r = { bytes, bytes + length, false };
    expect(&r, TAG, sizeof TAG);
    expect(&r, type, type_length);
    expect(&r, (const uint8_t[1]){ 0xa0 }, 1);
    e->type = type;
    e->type_length = type_length;
    e->head.bytes = r.at;
    e->payload.length = head(&r, MAJOR_BYTES);
    e->head.length = (uint32_t)(r.at - e->head.bytes);
    e->payload.bytes = take(&r, e->payload.length);
    e->count = head(&r, MAJOR_ARRAY);
    e->signers = r.at;
    if (r.failed || e->count > MOTE_TRUST_MAX_KEYS || left(&r) != e->count * SIGNER_BYTES) {
        return MOTE_ERROR_FORMAT;
    }
    for (uint32_t i = 0; i < e->count; i++) {
        const uint8_t *signer = e->signers + i * SIGNER_BYTES;
        expect(&r, SIGNER_HEAD, sizeof SIGNER_HEAD);
        (void)take(&r, KID_BYTES);
        expect(&r, SIGNER_MIDDLE, sizeof SIGNER_MIDDLE);
        (void)take(&r, MOTE_SIGNATURE_BYTES);
        if (i > 0 && memcmp(signer - SIGNER_BYTES + KID_AT, signer + KID_AT, KID_BYTES) >= 0) {
            r.failed = true;
        }
    }
    return r.failed ? MOTE_ERROR_FORMAT : MOTE_OK;
}

static int verify_signer(const struct envelope *e, const uint8_t *signer, const uint8_t *key,
                         const struct mote_verifier *verifier)
{
    /* RFC 9052, section 4.4. */
    const struct mote_bytes message[] = {
        { CONTEXT, sizeof CONTEXT },              { e->type, e->type_length },
        { signer + 1, KID_AT + KID_BYTES - 1u },  { NO_EXTERNAL_DATA, sizeof NO_EXTERNAL_DATA },
        e->head,                                  e->payload,
    };
    return verifier->verify(verifier->context, key, message, sizeof message / sizeof message[0],
                            signer + SIGNATURE_AT);
}

/* Enough different keys signed. A kid only says which key to try; the signature decides. */
static int check_threshold(const struct envelope *e, const struct mote_keys *keys, const struct mote_verifier *verifier)
{
    unsigned valid = 0;
    for (unsigned k = 0; k < keys->count && valid < keys->threshold; k++) {
        const uint8_t *key = keys->first + k * MOTE_KEY_STRIDE;
        struct mote_sha256 sha;
        uint8_t kid[MOTE_SHA256_BYTES];
        mote_sha256_begin(&sha);
        mote_sha256_add(&sha, key, MOTE_KEY_BYTES);
        mote_sha256_end(&sha, kid);
        for (uint32_t i = 0; i < e->count; i++) {
            const uint8_t *signer = e->signers + i * SIGNER_BYTES;
            if (memcmp(signer + KID_AT, kid, KID_BYTES) == 0 && verify_signer(e, signer, key, verifier) == MOTE_OK) {
                valid++;
                break;
            }
        }
    }
    return valid >= keys->threshold ? MOTE_OK : MOTE_ERROR_SIGNATURE;
}

/* ---- payloads ---- */

static struct reader open_payload(const struct envelope *e, uint32_t fields)
{
    struct reader r = { e->payload.bytes, e->payload.bytes + e->payload.length, false };
    r.failed |= head(&r, MAJOR_ARRAY) != fields;
    return r;
}

static bool is_complete(const struct reader *r)
{
    return !r->failed && r->at == r->end;
}

/* `[version, root threshold, [root keys], release threshold, [release keys], expires]` */
static int read_root(const struct envelope *e, struct mote_trust *trust)
{
    struct reader r = open_payload(e, ROOT_FIELDS);
    trust->root_version = read_uint(&r, 1);
    read_keys(&r, &trust->root_keys);
    read_keys(&r, &trust->release_keys);
    trust->root_expires_s = read_uint(&r, 0);
    return is_complete(&r) ? MOTE_OK : MOTE_ERROR_FORMAT;
}

int mote_trust_pin(struct mote_trust *trust, const struct mote_verifier *verifier, const uint8_t *root, uint32_t length,
                   uint32_t floor, uint32_t time_s)
{
    struct envelope e;
    memset(trust, 0, sizeof *trust);
    trust->verifier = verifier;
    trust->floor = floor;
    trust->time_s = time_s;
    int error = open_envelope(&e, root, length, ROOT_TYPE, sizeof ROOT_TYPE);
    return error == MOTE_OK ? read_root(&e, trust) : error;
}

int mote_trust_rotate(struct mote_trust *trust, const uint8_t *root, uint32_t length)
{
    struct envelope e;
    struct mote_trust next = *trust;
    int error = open_envelope(&e, root, length, ROOT_TYPE, sizeof ROOT_TYPE);
    error = error == MOTE_OK ? read_root(&e, &next) : error;
    error = error == MOTE_OK ? check_threshold(&e, &trust->root_keys, trust->verifier) : error;
    error = error == MOTE_OK ? check_threshold(&e, &next.root_keys, trust->verifier) : error;
    if (error == MOTE_OK && next.root_version - 1u != trust->root_version) {
        error = MOTE_ERROR_ROLLBACK;
    }
    if (error == MOTE_OK) {
        *trust = next;
    }
    return error;
}

static bool says(struct mote_bytes text, const char *expected)
{
    return strlen(expected) == text.length && memcmp(text.bytes, expected, text.length) == 0;
}

int mote_trust_judge(struct mote_trust *trust, const uint8_t *envelope, uint32_t length,
                     const struct mote_question *question, struct mote_release *release)
{
    struct envelope e;
    int error = open_envelope(&e, envelope, length, RELEASE_TYPE, sizeof RELEASE_TYPE);
    error = error == MOTE_OK ? check_threshold(&e, &trust->release_keys, trust->verifier) : error;
    if (error != MOTE_OK) {
        return error;
    }
    struct reader r = open_payload(&e, RELEASE_FIELDS);
    struct mote_bytes product = read_text(&r);
    release->version = read_text(&r);
    release->sequence = read_uint(&r, 1);
    release->floor = read_uint(&r, 0);
    struct mote_bytes hardware = read_text(&r);
    const uint8_t *architecture_hash = read_digest(&r);
    release->params_sha256 = read_digest(&r);
    release->params_length = read_uint(&r, 1);
    release->golden_inputs_sha256 = read_digest(&r);
    release->golden_inputs_length = read_uint(&r, 0);
    release->golden_outputs_sha256 = read_digest(&r);
    release->golden_outputs_length = read_uint(&r, 0);
    release->manifest_sha256 = read_digest(&r);
    release->issued_s = read_uint(&r, 0);
    release->expires_s = read_uint(&r, 0);
    if (!is_complete(&r)) {
        return MOTE_ERROR_FORMAT;
    }
    uint32_t time_s = trust->time_s > release->issued_s ? trust->time_s : release->issued_s;
    uint32_t now_s = time_s > question->clock_s ? time_s : question->clock_s;
    uint32_t floor = trust->floor > release->floor ? trust->floor : release->floor;
    if (now_s >= release->expires_s || now_s >= trust->root_expires_s) {
        return MOTE_ERROR_EXPIRED;
    }
    if (!says(product, question->product)) {
        return MOTE_ERROR_WRONG_RELEASE;
    }
    if (release->sequence < floor) {
        return MOTE_ERROR_BELOW_FLOOR;
    }
    if (!says(hardware, question->hardware)) {
        return MOTE_ERROR_WRONG_HARDWARE;
    }
    if (memcmp(architecture_hash, question->architecture_hash, MOTE_SHA256_BYTES) != 0) {
        return MOTE_ERROR_ARCHITECTURE;
    }
    trust->floor = floor;
    trust->time_s = time_s;
    return MOTE_OK;
}
