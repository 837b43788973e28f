/* Writes the shared envelopes into the folder named, as seeds of fuzz_envelope: release, next root, pinned root. */
#include <stdint.h>
#include <stdio.h>

#include "envelope_vectors.h"

static int write_seed(const char *folder, size_t number, int kind, const unsigned char *bytes, size_t length)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/seed-%u-%d", folder, (unsigned)number, kind);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return 1;
    }
    int failed = fputc(kind, file) == EOF || fwrite(bytes, 1, length, file) != length;
    return fclose(file) != 0 || failed;
}

int main(int argc, char **argv)
{
    int failed = argc != 2;
    for (size_t i = 0; !failed && i < sizeof mote_envelope_vectors / sizeof mote_envelope_vectors[0]; i++) {
        const struct mote_envelope_vector *v = &mote_envelope_vectors[i];
        failed |= write_seed(argv[1], i, v->is_root ? 1 : 0, v->envelope, v->envelope_length);
        failed |= write_seed(argv[1], i, 2, v->root, v->root_length);
    }
    return failed;
}
