/* The runner on Linux without a C library, so that a cross compiler needs none for the processor. */
#include "runner.h"

enum { IN = 0, OUT = 1 };

#if defined(__x86_64__)
enum { SYS_READ = 0, SYS_WRITE = 1, SYS_EXIT = 60 };
static long call(long number, long a, const void *b, size_t c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}
#elif defined(__i386__)
enum { SYS_READ = 3, SYS_WRITE = 4, SYS_EXIT = 1 };
static long call(long number, long a, const void *b, size_t c) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}
#elif defined(__aarch64__)
enum { SYS_READ = 63, SYS_WRITE = 64, SYS_EXIT = 93 };
static long call(long number, long a, const void *b, size_t c) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = (long)b;
    register long x2 __asm__("x2") = (long)c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}
#elif defined(__arm__)
enum { SYS_READ = 3, SYS_WRITE = 4, SYS_EXIT = 1 };
static long call(long number, long a, const void *b, size_t c) {
    register long r7 __asm__("r7") = number;
    register long r0 __asm__("r0") = a;
    register long r1 __asm__("r1") = (long)b;
    register long r2 __asm__("r2") = (long)c;
    __asm__ volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2) : "memory");
    return r0;
}
#elif defined(__riscv)
enum { SYS_READ = 63, SYS_WRITE = 64, SYS_EXIT = 93 };
static long call(long number, long a, const void *b, size_t c) {
    register long a7 __asm__("a7") = number;
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = (long)b;
    register long a2 __asm__("a2") = (long)c;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
    return a0;
}
#elif defined(__s390x__)
enum { SYS_READ = 3, SYS_WRITE = 4, SYS_EXIT = 1 };
static long call(long number, long a, const void *b, size_t c) {
    register long r1 __asm__("r1") = number;
    register long r2 __asm__("r2") = a;
    register long r3 __asm__("r3") = (long)b;
    register long r4 __asm__("r4") = (long)c;
    __asm__ volatile("svc 0" : "+d"(r2) : "d"(r1), "d"(r3), "d"(r4) : "memory");
    return r2;
}
#else
#error "add the system calls of this processor"
#endif

size_t port_read(void *out, size_t size) {
    size_t done = 0;
    while (done < size) {
        const long got = call(SYS_READ, IN, (uint8_t *)out + done, size - done);
        if (got <= 0) {
            break;
        }
        done += (size_t)got;
    }
    return done;
}

void port_write(const char *text, size_t size) {
    while (size > 0) {
        const long done = call(SYS_WRITE, OUT, text, size);
        if (done <= 0) {
            call(SYS_EXIT, 2, NULL, 0);
        }
        text += done;
        size -= (size_t)done;
    }
}

__attribute__((used)) static void begin(void) {
    call(SYS_EXIT, run(), NULL, 0);
}

/* The stack is aligned as every processor here wants it. */
#if defined(__x86_64__)
__asm__(".globl _start\n_start: xor %ebp, %ebp\n and $-16, %rsp\n call begin\n");
#elif defined(__i386__)
__asm__(".globl _start\n_start: xor %ebp, %ebp\n and $-16, %esp\n call begin\n");
#else
__attribute__((noreturn)) void _start(void);
void _start(void) {
    begin();
    for (;;) {
    }
}
#endif
