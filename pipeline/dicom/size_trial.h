// SizeTrial: which lossless syntax would make this object smallest, by coding a few strips of a few
// frames (`auto`).
//
// Belongs to one job or file, one thread at a time; refers to the data set and the transcoder. The
// sample is taken once, each codec tried at most once, whoever asks: JPEG 2000 is judged by HTJ2K's
// result, at a fraction of the time. It promises nothing: a transcode to what it names may still
// fail, then the next one is to be tried.
#pragma once

#include "pipeline/dicom/transcode.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow {

// What a trial codes. (A type of its own: clang 14 cannot make an optional of a nested one with
// initialisers.)
struct TrialSample {
    codecs::PixelFormat format;                 // of a strip: native
    std::vector<std::vector<std::byte>> strips; // native bytes
    std::uint64_t bytes = 0;                    // of all strips
    std::uint64_t frame_bytes = 0;              // of a frame, native
};

class SizeTrial {
  public:
    SizeTrial(const Transcoder& transcoder, const DataSet& data_set,
              std::string_view source_syntax);

    // Those of `candidates` (transfer syntax UIDs) that the object can be coded to, and its own
    // syntax, smallest first. Never empty. The order of the candidates is sure to a per cent or
    // two; whether they beat a compressed object is not, for strips differ from the whole: those
    // that might stand before it, and the result tells (auto_must_beat).
    [[nodiscard]] std::vector<std::string> rank(std::span<const std::string_view> candidates);
    [[nodiscard]] std::string best(std::span<const std::string_view> candidates) {
        return rank(candidates).front();
    }
    // Why the last ranking put the object as it is first: same_syntax if it is in one of the
    // candidates, incompressible if it could be coded, else what forbade the first candidate; ok if
    // it did not. What is wrong with its frames comes before all that.
    [[nodiscard]] TranscodeReason reason() const { return reason_; }

    [[nodiscard]] const Transcoder& transcoder() const { return transcoder_; }
    [[nodiscard]] const DataSet& data_set() const { return data_set_; }

  private:
    [[nodiscard]] std::optional<double> estimate(std::string_view syntax);
    [[nodiscard]] std::optional<double>
    ratio(std::string_view syntax); // coded / native, of the sample
    [[nodiscard]] std::optional<double> code_sample(std::string_view syntax) const;
    void take_sample(std::string_view target);
    void add_strips(const codecs::PixelFormat& format, std::span<const std::byte> frame,
                    std::uint32_t most);

    const Transcoder& transcoder_;
    const DataSet& data_set_;
    std::string source_;
    TranscodeReason reason_ = TranscodeReason::ok;
    bool sampled_ = false;
    std::uint32_t frames_ = 0;          // of the object
    std::optional<TrialSample> sample_; // empty: no frame could be had, for this reason
    TranscodeReason sample_reason_ = TranscodeReason::ok;
    std::map<std::string, std::optional<double>, std::less<>> ratios_;
};

// What a result of `auto` must be smaller than, in bytes of data set: the object as it was
// received, and for one that is compressed already 3 % less, or it is not worth the work.
[[nodiscard]] std::uint64_t auto_must_beat(std::string_view source_syntax,
                                           std::uint64_t received_bytes);

// What `auto` chooses from, as transfer syntax UIDs.
[[nodiscard]] std::span<const std::string_view> auto_candidates();

} // namespace dcmflow
