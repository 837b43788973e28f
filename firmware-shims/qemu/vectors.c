/* The shared vectors in code memory. VECTORS is the folder, from the Makefile. */
#define EMBED(name, file)                                                                       \
    __asm(".section .rodata\n.global " #name "\n.balign 4\n" #name ":\n.incbin \"" VECTORS file \
          "\"\n.global " #name "_end\n" #name "_end:\n.balign 4\n")

EMBED(operations_base, "/patch/operations.base");
EMBED(operations_result, "/patch/operations.result");
EMBED(operations_patch, "/patch/operations.patch");
EMBED(tensor_base, "/patch/tensor.base");
EMBED(tensor_result, "/patch/tensor.result");
EMBED(tensor_patch, "/patch/tensor.patch");
EMBED(full_base, "/patch/full.base");
EMBED(full_result, "/patch/full.result");
EMBED(full_patch, "/patch/full.patch");
