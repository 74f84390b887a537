#include "tests/fuzz/seeds.h"

#include "pipeline/deliver/dimse_command.h"
#include "pipeline/deliver/upper_layer.h"
#include "pipeline/dicom/all_codecs.h"
#include "pipeline/dicom/part10.h"
#include "pipeline/receive/command.h"
#include "pipeline/receive/negotiation.h"
#include "tests/dicom/dataset_bytes.h"
#include "tests/dicom/transcode_object.h"
#include "tests/fuzz/data_set_input.h"
#include "tests/fuzz/decoder_input.h"

#include <algorithm>
#include <array>
#include <string>
#include <zlib.h>

namespace dcmflow::fuzz {

namespace {

using test::DataSetBytes;

Seed bytes_of(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

Seed joined(std::initializer_list<unsigned> head, Input tail) {
    Seed seed(head.size() + tail.size());
    const auto as_byte = [](unsigned value) { return static_cast<std::byte>(value); };
    const auto at = std::ranges::transform(head, seed.begin(), as_byte).out;
    std::ranges::copy(tail, at);
    return seed;
}

// Raw deflate (PS3.5 A.5).
Seed deflated(Input bytes) {
    z_stream stream{};
    if (deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        std::abort();
    Seed out(compressBound(bytes.size()) + 16);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    require(deflate(&stream, Z_FINISH) == Z_STREAM_END, "a seed can be deflated");
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

// A bit of everything that a data set may hold.
DataSetBytes small_data_set(Encoding encoding) {
    DataSetBytes code(encoding);
    code.element(0x00080100, "SH", "CODE").element(0x00080104, "LO", "meaning");
    DataSetBytes icon(encoding);
    icon.element(0x00280010, "US", DataSetBytes(encoding).u16(2)).element(0x7FE00010, "OB", "abcd");
    DataSetBytes unknown(test::implicit_le);
    unknown.item(test::undefined_length).element(0x00080060, "", "MR").end_item().end_sequence();
    DataSetBytes bytes(encoding);
    bytes.element(0x00080005, "CS", "\\ISO 2022 IR 87").element(0x00080016, "UI", "1.2.3.");
    bytes.element(0x00080018, "UI", "1.2.4.").element(0x00080060, "CS", "CT");
    bytes.header(0x00081140, "SQ", test::undefined_length).item(test::undefined_length);
    bytes.element(0x0040A170, "SQ", DataSetBytes(encoding).item(code));
    bytes.end_item().item(code).end_sequence();
    bytes.element(0x00090010, "LO", "ACME").header(0x00091001, "UN", test::undefined_length);
    bytes.raw(unknown.view()).element(0x00100010, "PN", "\x1B$B;3ED\x1B(B^x");
    bytes.element(0x00189087, "FD", "12345678");
    bytes.element(0x00880200, "SQ", DataSetBytes(encoding).item(icon));
    return bytes;
}

std::vector<Seed> data_set_seeds() {
    std::vector<Seed> seeds;
    for (unsigned i = 0; i < native_syntaxes.size(); ++i) {
        DataSetBytes bytes = small_data_set(Encoding::of(native_syntaxes[i]));
        const bool deflates = native_syntaxes[i] == codecs::uid::deflated;
        seeds.push_back(joined({i}, deflates ? deflated(bytes.bytes()) : bytes.bytes()));
        if (deflates)
            continue;
        bytes.header(0x7FE00010, "OB", test::undefined_length).item("").item("abcdef").item("gh");
        seeds.push_back(joined({i}, bytes.end_sequence().bytes()));
    }
    return seeds;
}

std::vector<Seed> part10_seeds() {
    Origin origin;
    origin.calling_aet = "CT1";
    origin.peer_ip = "10.0.0.7";
    origin.received = 1'700'000'000'000;
    const auto data_set = small_data_set(test::explicit_le).bytes();
    const auto file = [&](Seed header) {
        header.insert(header.end(), data_set.begin(), data_set.end());
        return header;
    };
    return {file(make_file_meta("1.2.3", "1.2.4", codecs::uid::explicit_le, "CT1")),
            file(make_spool_header("1.2.3", "1.2.4", codecs::uid::explicit_le, origin).bytes)};
}

std::vector<Seed> fragments_seeds() {
    const auto item = [](std::string_view value) { return DataSetBytes().item(value); };
    DataSetBytes one = item("");
    one.item("abcd").item("efgh");
    DataSetBytes basic;
    basic.item(DataSetBytes().u32(0).u32(12)).item("abcd").item("efghij").item("kl");
    DataSetBytes extended; // two offsets of 64 bits, two lengths, the fragments
    extended.u32(0).u32(0).u32(12).u32(0).u32(4).u32(0).u32(5).u32(0);
    extended.item("").item("abcd").item("efghij");
    return {joined({1, 0, 0, 0}, one.bytes()), joined({2, 0, 0, 0}, one.bytes()),
            joined({2, 0, 0, 0}, basic.bytes()), joined({2, 0, 16, 0}, extended.bytes())};
}

std::vector<Seed> condition_seeds() {
    return {
        bytes_of("Modality in [CT, MR] and (RequestedProcedurePriority == STAT or StudyDescription "
                 "~ \"(?i)stroke\")\nModality=CT\nStudyDescription=a Stroke"),
        bytes_of("Modality == CT and SliceThickness <= 1.25 and not ImageType == "
                 "LOCALIZER\nSliceThickness=1.0\nModality=CT\nImageType=ORIGINAL\\AXIAL"),
        bytes_of("(0029,\"SIEMENS CSA HEADER\",10) contains abc or missing (0008,103E)"),
        bytes_of("exists RequestAttributesSequence[*].ScheduledProcedureStepID and calling_aet != "
                 "\"X\"\nRequestAttributesSequence[0].ScheduledProcedureStepID=1\ncalling_aet=A"),
        bytes_of(
            "StudyDate >= 20200101 and StudyTime < 120000.5 and peer_ip in "
            "[10.0.0.0/8, \"fd00::/8\"]\nStudyDate=20240229\nStudyTime=1159\npeer_ip=10.1.2.3"),
        bytes_of("transfer_syntax == jpeg-ls or SOPClassUID not in [CTImageStorage, 1.2.3]\n"
                 "SOPClassUID=1.2.840.10008.5.1.4.1.1.2\ntransfer_syntax=1.2.840.10008.1.2"),
    };
}

std::vector<Seed> config_seeds() {
    return {
        bytes_of(R"(node: {ae_title: A, data: ./d, memory: 2GiB, disk: {quota: 5GiB}, workers: 0}
listen:
  dicom: [{port: 11112, allow: ["CT*@10.0.0.0/8", "*"]}]
destinations:
  a: {dicom: "A@10.0.0.5:104", syntax: [jpeg-ls, explicit-le], retry: {first: 5s, factor: 2}}
  f: {folder: ./archive, layout: "{PatientID}/{SOPInstanceUID}.dcm", syntax: [auto]}
rules:
  - name: all
    send: [a]
  - {name: b, when: 'Modality in [CT, MR] and SliceThickness <= 1.25', send: [f], priority: stat}
unmatched: hold
tests:
  - {name: t, given: {Modality: CT, SliceThickness: "1.0"}, send: [a, f], priority: stat}
)"),
        bytes_of("a: &x [1, 'two', \"th\\x41ree\"]\nb: *x\n? k\n: |\n  text\n  more\nc: >-\n  f\n"),
        bytes_of("node: {}\nrules:\n  - when: Modalty == CT\n    send: nowhere\nunmatched: x\n")};
}

std::vector<Seed> dimse_seeds() {
    const std::array needs{
        Need{"1.2.840.10008.5.1.4.1.1.2", {"1.2.840.10008.1.2", "1.2.840.10008.1.2.4.80"}},
        Need{"1.2.840.10008.1.1", {"1.2.840.10008.1.2"}}};
    const auto request =
        deliver::make_associate_rq("ARCHIVE", "CT1", deliver::PresentationContexts::propose(needs));
    const auto request_body = Input(request).subspan(dimse::pdu_header_bytes);
    const auto parsed = scp::parse_associate_rq(request_body);
    require(parsed.has_value(), "our A-ASSOCIATE-RQ can be read");
    const auto accepted = scp::make_associate_ac(*parsed, scp::negotiate(*parsed).answers);
    const auto store = deliver::make_store_rq(7, "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4");
    const auto command = scp::parse_command(store);
    require(command.has_value(), "our C-STORE-RQ can be read");
    const auto pdus = scp::make_command_pdus(1, store, 0);
    return {joined({0}, request_body),
            joined({1}, Input(accepted).subspan(dimse::pdu_header_bytes)),
            joined({2}, store),
            joined({2}, deliver::make_echo_rq(8)),
            joined({3}, scp::make_response(*command, 0xA700, "out of space")),
            joined({4}, Input(pdus).subspan(dimse::pdu_header_bytes)),
            joined({5, 0, 1, 1, 3}, {})};
}

unsigned index_of(std::string_view syntax) {
    return static_cast<unsigned>(std::ranges::find(all_syntaxes, syntax) - all_syntaxes.begin());
}

// Whole objects of random shape, in every syntax that we can bring them to.
std::vector<Seed> transcode_seeds() {
    const codecs::Registry registry = all_codecs();
    const Transcoder transcoder(registry);
    std::vector<Seed> seeds;
    for (std::uint32_t number = 1; seeds.size() < 60 && number < 200; ++number) {
        testing::Random random(number);
        testing::Shape shape = testing::random_shape(random);
        shape.format.rows = std::min(shape.format.rows, 9U);
        shape.format.columns = std::min(shape.format.columns, 9U);
        const auto tree = testing::make_object(shape, random, true);
        for (const auto native : native_syntaxes) {
            const auto bytes = testing::write(tree, testing::form_of(native, number % 3 == 0));
            if (bytes.size() > 5000)
                continue;
            const Input view = testing::as_span(bytes);
            const auto target = static_cast<unsigned>(number % all_syntaxes.size());
            const bool deflates = native == codecs::uid::deflated;
            seeds.push_back(joined({index_of(native), target}, deflates ? deflated(view) : view));
        }
        const auto bytes = testing::write(tree, {});
        if (bytes.size() > 5000)
            continue;
        const DataSet source = testing::scan(bytes, codecs::uid::explicit_le);
        VectorSink sink;
        const auto syntax = all_syntaxes[number % all_syntaxes.size()];
        if (transcoder.transcode(source, codecs::uid::explicit_le, syntax, {}, sink).reason ==
            TranscodeReason::ok)
            seeds.push_back(joined({index_of(syntax), number % 7}, sink.bytes()));
    }
    return seeds;
}

// Frames that we encode: all shapes, small.
std::vector<Seed> decoder_seeds(std::string_view uid) {
    const codecs::Registry registry = all_codecs();
    const codecs::Codec* codec = registry.find(uid);
    std::vector<Seed> seeds;
    for (std::uint32_t number = 1; codec != nullptr && number <= 40; ++number) {
        testing::Random random(number);
        testing::Shape shape = testing::random_shape(random);
        shape.frames = 1;
        shape.format.planar = false;
        if (!codec->can_encode(shape.format))
            continue;
        const auto pixels = testing::make_pixels(shape, random);
        const Input frame =
            testing::as_span(pixels).first(static_cast<std::size_t>(shape.format.frame_bytes()));
        codecs::FrameBuffer encoded;
        codecs::AttributeChanges changes;
        if (codec->encode({shape.format, frame}, {}, encoded, changes) != codecs::CodecStatus::ok)
            continue;
        shape.format.photometric = changes.photometric;
        shape.format.planar = changes.planar;
        Seed seed = format_bytes(shape.format);
        seed.insert(seed.end(), encoded.begin(), encoded.end());
        seeds.push_back(std::move(seed));
    }
    return seeds;
}

// The lossy and RPCL siblings of a syntax are streams of the same kind.
std::vector<Seed> decoder_seeds_by_name(std::string name) {
    std::ranges::replace(name, '_', '-');
    const auto* syntax = codecs::find_by_name(name);
    require(syntax != nullptr, "a decoder target is named after its syntax");
    auto seeds = decoder_seeds(syntax->uid);
    if (!seeds.empty())
        return seeds;
    if (name.starts_with("jpeg-ls"))
        return decoder_seeds(codecs::uid::jpeg_ls);
    if (name.starts_with("jpeg2000"))
        return decoder_seeds(codecs::uid::jpeg2000);
    if (name.starts_with("htj2k"))
        return decoder_seeds(codecs::uid::htj2k);
    return {};
}

} // namespace

std::vector<Seed> seeds_for(std::string_view target) {
    constexpr std::string_view decoder = "decoder_";
    if (target.starts_with(decoder))
        return decoder_seeds_by_name(std::string(target.substr(decoder.size())));
    using Maker = std::vector<Seed> (*)();
    constexpr std::array<std::pair<std::string_view, Maker>, 7> makers{{
        {"data_set", data_set_seeds},
        {"part10", part10_seeds},
        {"fragments", fragments_seeds},
        {"transcode", transcode_seeds},
        {"condition", condition_seeds},
        {"config", config_seeds},
        {"dimse", dimse_seeds},
    }};
    for (const auto& [name, make] : makers)
        if (name == target)
            return make();
    return {};
}

} // namespace dcmflow::fuzz
