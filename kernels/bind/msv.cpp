// SPDX-License-Identifier: Apache-2.0
#include "core/msv.h"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstring>

#include "bind/arrays.h"
#include "bind/module.h"

namespace af2cpu {
namespace {

template <class T, int Axes>
using In = nb::ndarray<const T, nb::ndim<Axes>, nb::c_contig, nb::device::cpu>;
template <class T>
using Out = nb::ndarray<T, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

class MsvModel {
  public:
    // ssv, msv [model positions, 32]; numbers: base, bias, tec, tbm; pass [target lengths from 0 on].
    MsvModel(const In<std::uint8_t, 2>& ssv, const In<std::uint8_t, 2>& msv, const std::vector<int>& numbers,
             const In<std::uint8_t, 1>& pass)
        : positions_(index(ssv.shape(0))) {
        require(ssv.shape(1) == 32 && msv.shape(1) == 32 && msv.shape(0) == ssv.shape(0) && positions_ > 0,
                "msv: two tables [model positions, 32]");
        require(numbers.size() == 4, "msv: four numbers: base, bias, tec, tbm");
        profile.length = (positions_ + 1) / 2 * 2;
        profile.ssv = striped(ssv.data());
        profile.msv = static_cast<std::uint8_t*>(std::memcpy(table(1, profile.length, 255), msv.data(), msv.nbytes()));
        pass_.assign(pass.data(), pass.data() + pass.size());
        profile.pass = pass_.data();
        profile.base = numbers[0];
        profile.bias = numbers[1];
        profile.tec = numbers[2];
        profile.tbm = numbers[3];
    }
    MsvModel(const MsvModel&) = delete;

    std::size_t lengths() const { return pass_.size(); }
    const index lanes = kernels().byte_lanes;
    MsvProfile profile;

  private:
    std::uint8_t* table(int k, index positions, int padding) {
        tables_[k] = allocate(std::size_t(positions) * 32);
        return static_cast<std::uint8_t*>(std::memset(tables_[k].get(), padding, std::size_t(positions) * 32));
    }
    SsvModel striped(const std::uint8_t* costs) {
        const index stripes = (positions_ + lanes - 1) / lanes;
        std::uint8_t* const out = table(0, stripes * lanes, 127);
        for (index k = 0; k < positions_; ++k)
            for (index code = 0; code < 32; ++code) out[(code * stripes + k % stripes) * lanes + k / stripes] = costs[k * 32 + code];
        return {stripes, out};
    }

    index positions_;
    Buffer tables_[2];
    std::vector<std::uint8_t> pass_;
};

// Arrays are taken as they are: a copy of a database or of a result would be a mistake.
// The targets of a call, checked: no block reaches beyond the residues, no target beyond the tables by length.
struct Targets {
    In<std::uint8_t, 1> residues;
    In<std::int64_t, 1> offsets;
    In<std::int32_t, 2> lengths;
    In<std::uint8_t, 1> tjb;

    Msv arguments(const std::vector<const MsvModel*>& models, std::vector<MsvProfile>& profiles) const {
        Msv args;
        args.blocks = index(offsets.size());
        require(lengths.shape(0) == offsets.size() && lengths.shape(1) == kLanes, "msv: lengths [blocks, 64]");
        for (index b = 0; b < args.blocks; ++b) {
            const std::int32_t* const of_block = lengths.data() + b * kLanes;
            require(*std::min_element(of_block, of_block + kLanes) >= 0, "msv: a negative length");
            const index longest = *std::max_element(of_block, of_block + kLanes), offset = offsets.data()[b];
            require(offset >= 0 && offset <= index(residues.size()) && longest * kLanes <= index(residues.size()) - offset,
                    "msv: a block reaches beyond the residues");
            args.longest = std::max(args.longest, longest);
        }
        for (const MsvModel* model : models) {
            require(std::size_t(args.longest) < std::min(tjb.size(), model->lengths()), "msv: a target is longer than the tables");
            require(model->lanes == kernels().byte_lanes, "msv: a model was made for another instruction set");
            profiles.push_back(model->profile);
        }
        args.residues = residues.data();
        args.offsets = offsets.data();
        args.lengths = lengths.data();
        args.profiles = profiles.data();
        args.n_profiles = index(profiles.size());
        args.tjb = tjb.data();
        return args;
    }
};

template <class T>
void check_out(const Out<T>& out, const Msv& args) {
    require(index(out.shape(0)) == args.n_profiles && index(out.shape(1)) == args.blocks && out.shape(2) == kLanes,
            "msv: a result [models, blocks, 64]");
}

void start(const Msv& args, bool vbmi) {
    const Kernel<Msv> kernel = kernels().msv[vbmi && has_vbmi()];
    const nb::gil_scoped_release release;
    kernel(args);
}

std::int64_t survivors(const Targets& targets, const std::vector<const MsvModel*>& models, const Out<std::uint8_t>& out, int threads,
                       bool vbmi) {
    std::vector<MsvProfile> profiles;
    Msv args = targets.arguments(models, profiles);
    check_out(out, args);
    require(threads > 0, "msv: at least one thread");
    std::int64_t through_msv = 0;
    args.threads = threads;
    args.survivors = out.data();
    args.through_msv = &through_msv;
    start(args, vbmi);
    return through_msv;
}

void scores(const Targets& targets, const std::vector<const MsvModel*>& models, const Out<std::uint8_t>& peaks, const Out<std::int16_t>& xj,
            int threads, bool vbmi) {
    std::vector<MsvProfile> profiles;
    Msv args = targets.arguments(models, profiles);
    check_out(peaks, args);
    check_out(xj, args);
    require(threads > 0, "msv: at least one thread");
    std::int64_t through_msv = 0;
    args.threads = threads;
    args.peaks = peaks.data();
    args.scores = xj.data();
    args.through_msv = &through_msv;
    start(args, vbmi);
}

}  // namespace

void bind_msv(nb::module_& m) {
    nb::class_<MsvModel>(m, "MsvModel")
        .def(nb::init<const In<std::uint8_t, 2>&, const In<std::uint8_t, 2>&, const std::vector<int>&, const In<std::uint8_t, 1>&>(),
             nb::arg("ssv").noconvert(), nb::arg("msv").noconvert(), nb::arg("numbers"), nb::arg("pass_at").noconvert());
    nb::class_<Targets>(m, "MsvTargets")
        .def(
            "__init__",
            [](Targets* self, In<std::uint8_t, 1> residues, In<std::int64_t, 1> offsets, In<std::int32_t, 2> lengths,
               In<std::uint8_t, 1> tjb) { new (self) Targets{residues, offsets, lengths, tjb}; },
            nb::arg("residues").noconvert(), nb::arg("offsets").noconvert(), nb::arg("lengths").noconvert(), nb::arg("tjb").noconvert());
    m.def("msv_survivors", &survivors, nb::arg("targets"), nb::arg("models"), nb::arg("out").noconvert(), nb::arg("threads") = 1,
          nb::arg("vbmi") = true, "out [models, blocks, 64]: 1 for targets that pass. Returns the number of pairs that needed MSV.");
    m.def("msv_scores", &scores, nb::arg("targets"), nb::arg("models"), nb::arg("peaks").noconvert(), nb::arg("xj").noconvert(),
          nb::arg("threads") = 1, nb::arg("vbmi") = true,
          "Both filters on all pairs: SSV's maximum over its floor, and MSV's xJ, -1 where it overflows.");
    m.def("has_vbmi", &has_vbmi, "Whether the level in use has AVX512-VBMI.");
}

}  // namespace af2cpu
