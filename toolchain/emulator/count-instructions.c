/*
 * A QEMU TCG plugin that counts every instruction executed between two marker addresses, per address.
 *
 *   -plugin count-instructions.so,out=FILE,begin=ADDRESS,end=ADDRESS[,ram=ADDRESS]
 *
 * Counting is exact: each translated instruction gets an inline increment; the markers take the difference. FILE gets
 *   R TOTAL                      once per pass from begin to end
 *   I ADDRESS COUNT TEXT         once per instruction that ran between markers, over all passes
 *   F ADDRESS COUNT              with ram=: reads below that address, where flash lies, by the instruction at ADDRESS
 *
 * Distributions do not ship QEMU's plugin header, so the few declarations of its version 1 interface stand here.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { PLUGIN_NO_REGISTERS = 0, PLUGIN_ADD_U64 = 0, PLUGIN_READ_WRITE = 3 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned, void *), int, void *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int, void *, uint64_t);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *, void (*)(unsigned, uint32_t, uint64_t, void *), int, int,
                                      void *);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
char *qemu_plugin_insn_disas(const struct qemu_plugin_insn *);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

typedef struct counter {
    struct counter *next;
    uint64_t address, count, at_begin, between, flash_reads;
    char *text;
} counter;

#define BUCKETS 65536u
static counter *buckets[BUCKETS];
static uint64_t begin_address, end_address, ram_address;
static bool is_between;
static FILE *out;

static counter *counter_at(uint64_t address, const struct qemu_plugin_insn *instruction) {
    counter **const bucket = &buckets[(address >> 1) % BUCKETS];
    for (counter *c = *bucket; c != NULL; c = c->next) {
        if (c->address == address) {
            return c;
        }
    }
    counter *const c = calloc(1, sizeof *c);
    c->address = address;
    c->text = qemu_plugin_insn_disas(instruction);
    c->next = *bucket;
    *bucket = c;
    return c;
}

static void at_begin(unsigned cpu, void *data) {
    (void)cpu;
    (void)data;
    is_between = true;
    for (unsigned b = 0; b < BUCKETS; b++) {
        for (counter *c = buckets[b]; c != NULL; c = c->next) {
            c->at_begin = c->count;
        }
    }
}

static void at_end(unsigned cpu, void *data) {
    (void)cpu;
    (void)data;
    if (!is_between) {
        return;
    }
    is_between = false;
    uint64_t total = 0;
    for (unsigned b = 0; b < BUCKETS; b++) {
        for (counter *c = buckets[b]; c != NULL; c = c->next) {
            c->between += c->count - c->at_begin;
            total += c->count - c->at_begin;
        }
    }
    fprintf(out, "R %" PRIu64 "\n", total);
}

/* QEMU 7.2 tells of reads only where writes are asked for too; nothing writes below `ram_address`. */
static void at_access(unsigned cpu, uint32_t info, uint64_t address, void *data) {
    (void)cpu;
    (void)info;
    if (is_between && address < ram_address) {
        ((counter *)data)->flash_reads++;
    }
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
    (void)id;
    const size_t n = qemu_plugin_tb_n_insns(block);
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *const instruction = qemu_plugin_tb_get_insn(block, i);
        const uint64_t address = qemu_plugin_insn_vaddr(instruction);
        if (address == begin_address) {
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, at_begin, PLUGIN_NO_REGISTERS, NULL);
        }
        if (address == end_address) {
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, at_end, PLUGIN_NO_REGISTERS, NULL);
        }
        counter *const c = counter_at(address, instruction);
        qemu_plugin_register_vcpu_insn_exec_inline(instruction, PLUGIN_ADD_U64, &c->count, 1);
        if (ram_address != 0) {
            qemu_plugin_register_vcpu_mem_cb(instruction, at_access, PLUGIN_NO_REGISTERS, PLUGIN_READ_WRITE, c);
        }
    }
}

static void finished(qemu_plugin_id_t id, void *data) {
    (void)id;
    (void)data;
    for (unsigned b = 0; b < BUCKETS; b++) {
        for (const counter *c = buckets[b]; c != NULL; c = c->next) {
            if (c->between > 0) {
                fprintf(out, "I 0x%" PRIx64 " %" PRIu64 " %s\n", c->address, c->between, c->text != NULL ? c->text : "?");
            }
            if (c->flash_reads > 0) {
                fprintf(out, "F 0x%" PRIx64 " %" PRIu64 "\n", c->address, c->flash_reads);
            }
        }
    }
    fclose(out);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0) {
            out = fopen(argv[i] + 4, "w");
        } else if (strncmp(argv[i], "begin=", 6) == 0) {
            begin_address = strtoull(argv[i] + 6, NULL, 0) & ~UINT64_C(1);
        } else if (strncmp(argv[i], "end=", 4) == 0) {
            end_address = strtoull(argv[i] + 4, NULL, 0) & ~UINT64_C(1);
        } else if (strncmp(argv[i], "ram=", 4) == 0) {
            ram_address = strtoull(argv[i] + 4, NULL, 0);
        }
    }
    if (out == NULL) {
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, finished, NULL);
    return 0;
}
