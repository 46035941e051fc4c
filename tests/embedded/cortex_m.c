#include "cortex_m.h"

enum { SYS_OPEN = 1, SYS_WRITE = 5, SYS_READ = 6, SYS_EXIT_EXTENDED = 0x20, EXITED = 0x20026 };
enum { FOR_READING = 0, FOR_WRITING = 4, PAINT = 0x5A5A5A5A };

/* Set by cortex_m.ld. */
extern uint32_t data_in_flash[], data_begin[], data_end[], bss_begin[], bss_end[], ram_end[];

static uintptr_t call_debugger(uint32_t operation, const uintptr_t *arguments) {
    register uintptr_t r0 __asm__("r0") = operation;
    register const uintptr_t *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static uintptr_t open_console(uintptr_t mode) {
    static const char console[] = ":tt";
    const uintptr_t arguments[] = {(uintptr_t)console, mode, sizeof console - 1};
    return call_debugger(SYS_OPEN, arguments);
}

void write_text(const char *text, size_t size) {
    const uintptr_t arguments[] = {open_console(FOR_WRITING), (uintptr_t)text, size};
    call_debugger(SYS_WRITE, arguments);
}

size_t read_input(void *out, size_t size) {
    static uintptr_t console;
    if (console == 0) {
        console = open_console(FOR_READING) + 1;
    }
    size_t done = 0;
    while (done < size) {
        const uintptr_t arguments[] = {console - 1, (uintptr_t)out + done, size - done};
        const size_t left = call_debugger(SYS_READ, arguments);
        if (left >= size - done) {
            break;
        }
        done = size - left;
    }
    return done;
}

size_t static_bytes(void) {
    return (size_t)((uintptr_t)bss_end - (uintptr_t)data_begin);
}

size_t stack_bytes(void) {
    const uint32_t *lowest = bss_end;
    while (*lowest == PAINT) {
        lowest++;
    }
    return (size_t)((uintptr_t)ram_end - (uintptr_t)lowest);
}

static void leave(int status) {
    const uintptr_t arguments[] = {EXITED, (uintptr_t)status};
    call_debugger(SYS_EXIT_EXTENDED, arguments);
    for (;;) {
    }
}

void _start(void);
void _start(void) {
    const uint32_t *from = data_in_flash;
    for (uint32_t *to = data_begin; to < data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = bss_begin; to < bss_end; to++) {
        *to = 0;
    }
    for (uint32_t *to = bss_end; to < (uint32_t *)__builtin_frame_address(0) - 16; to++) {
        *to = PAINT;
    }
    leave(program());
}

static void fault(void) {
    static const char text[] = "BROKEN the processor met a fault\n";
    write_text(text, sizeof text - 1);
    leave(3);
}

/* Every fault up to number 6 ends the program. */
__attribute__((section(".vectors"), used)) static const uintptr_t vectors[] = {
    (uintptr_t)ram_end, (uintptr_t)_start, (uintptr_t)fault, (uintptr_t)fault,
    (uintptr_t)fault,   (uintptr_t)fault,  (uintptr_t)fault,
};
