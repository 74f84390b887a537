// Encapsulated Pixel Data: Number of Frames (16 bits), length of both extended offset tables (16
// bits), the tables, the fragments. Frames lie in the bytes, and what the writer makes of them
// reads as the same frames.
#include "pipeline/dicom/encapsulation.h"
#include "tests/fuzz/fuzz.h"

#include <algorithm>

namespace dcmflow::fuzz {

namespace {

// Explicit VR LE, as FragmentWriter writes it: the tables as elements, then Pixel Data.
FragmentReader::Source written(const FragmentReader& reader, OffsetTable table,
                               std::vector<std::byte>& bytes,
                               std::vector<std::vector<std::byte>>& values) {
    VectorSink sink;
    Output out(&sink);
    FragmentWriter writer(out, reader.frames(), table);
    writer.begin();
    std::vector<std::byte> scratch;
    for (std::uint32_t i = 0; i < reader.frames(); ++i)
        writer.frame(reader.contiguous(i, scratch));
    require(writer.end(), "all frames were written");
    out.flush();
    bytes = sink.take();
    const auto scanned = DataSet::scan(bytes, Encoding{});
    require(scanned.has_value(), "what was written can be scanned");
    const auto value_of = [&](std::uint16_t element) {
        const ElementRef* found = scanned->find(0x7FE0, element);
        const auto value = found ? scanned->value(*found) : Input{};
        return std::vector<std::byte>(value.begin(), value.end());
    };
    values = {value_of(0x0010), value_of(0x0001), value_of(0x0002)};
    return {.pixel_data = values[0],
            .extended_offsets = values[1],
            .extended_lengths = values[2],
            .frames = reader.frames()};
}

void check_frames(const FragmentReader& reader, Input pixel_data) {
    std::size_t fragments = 0;
    std::vector<std::byte> scratch;
    for (std::uint32_t i = 0; i < reader.frames(); ++i) {
        std::size_t bytes = 0;
        const auto pieces = reader.frame(i);
        require(!pieces.empty(), "a frame has a fragment");
        for (const auto piece : pieces) {
            bytes += piece.size();
            require(piece.empty() ||
                        (piece.data() >= pixel_data.data() &&
                         piece.data() + piece.size() <= pixel_data.data() + pixel_data.size()),
                    "a fragment lies in the bytes");
        }
        fragments += pieces.size();
        require(reader.contiguous(i, scratch).size() == bytes, "no byte of a frame is lost");
    }
    require(fragments == reader.fragments(), "each fragment belongs to one frame");
}

void check_writing(const FragmentReader& reader, OffsetTable table) {
    std::vector<std::byte> bytes;
    std::vector<std::vector<std::byte>> values;
    const auto again = FragmentReader::open(written(reader, table, bytes, values));
    require(again.has_value(), "what was written reads as frames");
    require(again->frames() == reader.frames(), "what was written has as many frames");
    std::vector<std::byte> scratch, other;
    for (std::uint32_t i = 0; i < reader.frames(); ++i) {
        const auto frame = reader.contiguous(i, scratch);
        const auto copy = again->contiguous(i, other);
        require(copy.size() >= frame.size() && copy.size() - frame.size() <= 1 &&
                    std::ranges::equal(frame, copy.first(frame.size())),
                "a frame that was written reads the same");
    }
}

} // namespace

void fragments(Input input) {
    FragmentReader::Source source;
    source.frames = take16(input);
    const std::size_t table_bytes = take16(input) % 513;
    source.extended_offsets = take(input, table_bytes);
    source.extended_lengths = take(input, table_bytes);
    source.pixel_data = input;
    source.max_fragments = 1000;
    const auto reader = FragmentReader::open(source);
    if (!reader)
        return;
    require(reader->frames() == source.frames, "there are as many frames as the header says");
    require(reader->fragments() <= source.max_fragments, "the number of fragments is bounded");
    check_frames(*reader, input);
    check_writing(*reader, OffsetTable::none);
    check_writing(*reader, OffsetTable::basic);
    check_writing(*reader, OffsetTable::extended);
}

} // namespace dcmflow::fuzz
