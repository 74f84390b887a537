#include "pipeline/receive/pdu_reader.h"

#include <algorithm>
#include <array>
#include <system_error>

namespace dcmflow::scp {

namespace {

constexpr std::size_t buffer_bytes = 256U << 10;

std::string seconds(std::chrono::milliseconds time) {
    const auto ms = time.count();
    return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

} // namespace

tl::unexpected<Broken> broken(Broken::Why why, std::string text, AbortReason abort) {
    return tl::unexpected<Broken>(Broken{why, std::move(text), abort});
}

PduReader::PduReader(Stream& stream, const DimseTimes& times, const StopSignals& stop,
                     std::vector<std::byte> already)
    : stream_(stream), times_(times), stop_(stop), buffer_(std::max(buffer_bytes, already.size())) {
    std::ranges::copy(already, buffer_.begin());
    end_ = already.size();
}

Reading<dimse::PduHeader> PduReader::next_header(bool between_messages) {
    if (between_messages) {
        progressed_ = 0;
        waited_ = {};
    }
    if (begin_ == end_) {
        const auto filled = fill(between_messages ? Mode::between_messages : Mode::between_pdus);
        if (!filled)
            return tl::unexpected(filled.error());
    }
    std::array<std::byte, dimse::pdu_header_bytes> header{};
    if (auto status = exact(header); !status)
        return tl::unexpected(status.error());
    return dimse::parse_pdu_header(header);
}

Reading<std::span<const std::byte>> PduReader::some(std::size_t most) {
    if (begin_ == end_) {
        if (auto filled = fill(Mode::inside_pdu); !filled)
            return tl::unexpected(filled.error());
    }
    const auto taken = std::min(most, end_ - begin_);
    const auto view = std::span<const std::byte>(buffer_).subspan(begin_, taken);
    begin_ += taken;
    return view;
}

Reading<void> PduReader::exact(std::span<std::byte> into) {
    while (!into.empty()) {
        const auto part = some(into.size());
        if (!part)
            return tl::unexpected(part.error());
        std::ranges::copy(*part, into.begin());
        into = into.subspan(part->size());
    }
    return {};
}

Reading<void> PduReader::fill(Mode mode) {
    for (;;) {
        const auto got = stream_.read_now(buffer_);
        switch (got.state) {
        case IoState::ok:
            begin_ = 0;
            end_ = got.bytes;
            progressed_ += got.bytes;
            if (progressed_ >= times_.progress_bytes) {
                progressed_ = 0;
                waited_ = {};
            }
            return {};
        case IoState::closed:
            return broken(Broken::Why::closed, "the peer closed the connection");
        case IoState::failed:
            return broken(Broken::Why::failed, std::generic_category().message(got.error));
        case IoState::would_block:
            break;
        }
        if (auto status = mode == Mode::between_messages ? wait_between_messages() : wait(mode);
            !status)
            return status;
    }
}

Reading<void> PduReader::wait(Mode mode) {
    const auto limit = mode == Mode::inside_pdu ? times_.progress_window : times_.idle;
    const auto begun = std::chrono::steady_clock::now();
    const auto left = limit - waited_;
    const auto woken =
        left.count() > 0 ? wait_for(stream_, false, &stop_.hard, begun + left) : Woken::deadline;
    waited_ += std::chrono::steady_clock::now() - begun;
    if (woken == Woken::signal)
        return broken(Broken::Why::stopped, "the receiver stopped in the middle of a message");
    if (woken == Woken::deadline)
        return broken(Broken::Why::timed_out, "less than " + std::to_string(times_.progress_bytes) +
                                                  " bytes of a message in " + seconds(limit));
    return {};
}

Reading<void> PduReader::wait_between_messages() {
    const auto begun = std::chrono::steady_clock::now();
    auto woken = wait_for(stream_, false, &stop_.soft, begun + times_.idle);
    if (woken == Woken::signal) // a peer that is done may release by itself
        woken = wait_for(stream_, false, &stop_.hard,
                         std::chrono::steady_clock::now() + times_.release_grace);
    if (woken == Woken::ready)
        return {};
    if (stop_.soft.raised())
        return broken(Broken::Why::stopped, "the receiver stopped");
    return broken(Broken::Why::timed_out, "nothing came for " + seconds(times_.idle));
}

} // namespace dcmflow::scp
