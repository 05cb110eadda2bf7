// SPDX-License-Identifier: Apache-2.0
#include "base/cpu.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace af2cpu {
namespace {

struct Level {
    const char* name;
    const Kernels* kernels;
    bool (*supported)();
};

#if defined(__x86_64__)

struct Registers {
    unsigned a = 0, b = 0, c = 0, d = 0;
    Registers(unsigned leaf, unsigned subleaf) { __get_cpuid_count(leaf, subleaf, &a, &b, &c, &d); }
};

bool bit(unsigned word, int k) { return word >> k & 1; }

// Whether the operating system saves these registers (bits of XCR0); without that their instructions can't be used.
bool saved(unsigned states) {
    if (!bit(Registers(1, 0).c, 27)) return false;
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & states) == states;
}

bool supports_avx2() {
    const Registers one(1, 0), seven(7, 0);
    return saved(0x6) && bit(one.c, 12) && bit(one.c, 29) && bit(seven.b, 5);  // FMA, F16C, AVX2
}

bool supports_avx512() {
    const unsigned b = Registers(7, 0).b;
    return supports_avx2() && saved(0xe6) && bit(b, 16) && bit(b, 17) && bit(b, 30) && bit(b, 31);  // F, DQ, BW, VL
}

bool cpu_has_vbmi() { return supports_avx512() && bit(Registers(7, 0).c, 1); }

bool supports_avx512bf16() { return supports_avx512() && bit(Registers(7, 1).a, 5); }

// Linux allocates the tiles' 8 kB of state only for a process that has requested it.
bool supports_amx() {
    constexpr long request_permission = 0x1023, tile_data = 18;
    const unsigned d = Registers(7, 0).d;
    return supports_avx512bf16() && bit(d, 22) && bit(d, 24) && saved(0x60000) &&
           syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

#endif

bool supports_scalar() { return true; }
bool supports_amx_model() { return true; }

const std::vector<Level>& built() {
#define AF2CPU_ROW(name) {#name, &name::kernels, supports_##name},
    static const std::vector<Level> all = {AF2CPU_BUILT_LEVELS(AF2CPU_ROW)};
#undef AF2CPU_ROW
    return all;
}

const Level* find(const std::string& name) {
    for (const Level& level : built())
        if (name == level.name && level.supported()) return &level;
    return nullptr;
}

struct Choice {
    std::string name;
    const Kernels* kernels;
};

const std::string kModel = "amx_model";

// All levels in ascending order, including those that this machine or this build lacks: a cap may name any of them.
std::vector<std::string> every() {
#define AF2CPU_NAME(name) #name,
    return {AF2CPU_LEVELS(AF2CPU_NAME)};
#undef AF2CPU_NAME
}

// The highest level of this machine that is not above the cap. The model of AMX is chosen only if the cap names it.
Choice best() {
    const char* cap = std::getenv("AF2CPU_ISA");
    const std::vector<std::string> order = every();
    const auto model = std::find(order.begin(), order.end(), kModel);
    const std::string wanted = cap && *cap ? cap : *(model - 1);
    const auto last = std::find(order.begin(), order.end(), wanted);
    if (last == order.end()) {
        std::string names;
        for (const std::string& name : order) names += (names.empty() ? "" : ", ") + name;
        throw std::invalid_argument("AF2CPU_ISA=" + wanted + ": choose one of " + names);
    }
    if (last == model) return {wanted, find(wanted)->kernels};
    for (auto name = last + 1; name-- != order.begin();)
        if (const Level* level = find(*name)) return {*name, level->kernels};
    return {order.front(), find(order.front())->kernels};
}

Choice& choice() {
    static Choice chosen = best();
    return chosen;
}

}  // namespace

std::vector<std::string> levels() {
    std::vector<std::string> names;
    for (const Level& level : built())
        if (level.supported()) names.push_back(level.name);
    return names;
}

const std::string& level() { return choice().name; }
const Kernels& kernels() { return *choice().kernels; }

bool has_vbmi() {
#if defined(__x86_64__) && defined(AF2CPU_WITH_VBMI)
    static const bool cpu = cpu_has_vbmi();
    return cpu && (level().rfind("avx512", 0) == 0 || level() == "amx");
#else
    return false;
#endif
}

void use_level(const std::string& name) {
    const Level* level = find(name);
    if (!level) throw std::invalid_argument("this machine or this build has no level " + name);
    choice() = {name, level->kernels};
}

}  // namespace af2cpu
