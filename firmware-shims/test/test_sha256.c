/* FIPS 180-4's examples (NIST CSRC), and every split of one message. */
#include "check.h"
#include "mote/sha256.h"

#include <string.h>

static void check_digest(const char *message, uint32_t length, const char *expected)
{
    for (uint32_t cut = 0; cut <= length; cut++) {
        struct mote_sha256 sha;
        uint8_t digest[MOTE_SHA256_BYTES];
        char hex[2u * MOTE_SHA256_BYTES + 1u];
        mote_sha256_begin(&sha);
        mote_sha256_add(&sha, (const uint8_t *)message, cut);
        mote_sha256_add(&sha, (const uint8_t *)message + cut, length - cut);
        mote_sha256_end(&sha, digest);
        for (uint32_t i = 0; i < MOTE_SHA256_BYTES; i++) {
            (void)snprintf(hex + 2u * i, 3, "%02x", digest[i]);
        }
        CHECK(strcmp(hex, expected) == 0);
    }
}

int main(void)
{
    const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    check_digest("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_digest(two, 56, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    static char million[1000];
    memset(million, 'a', sizeof million);
    struct mote_sha256 sha;
    uint8_t digest[MOTE_SHA256_BYTES];
    mote_sha256_begin(&sha);
    for (int i = 0; i < 1000; i++) {
        mote_sha256_add(&sha, (const uint8_t *)million, sizeof million);
    }
    mote_sha256_end(&sha, digest);
    CHECK(digest[0] == 0xcd && digest[1] == 0xc7 && digest[31] == 0xd0);
    return failures != 0;
}
