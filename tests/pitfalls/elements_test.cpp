// Pitfalls of everything around the pixels: codecs.md §4 rows 16, 25 to 28, 38 to 41 and 43.
#include "tests/pitfalls/images.h"

#include "pipeline/dicom/part10.h"

#include <gtest/gtest.h>
#include <thread>

namespace dcmflow::pitfalls {
namespace {

// An element's bytes, header included, as they stand in the data set.
Bytes element_bytes(const Bytes& bytes, std::string_view syntax, std::uint32_t tag) {
    const DataSet data_set = scan(bytes, syntax);
    const ElementRef* found =
        data_set.find(static_cast<std::uint16_t>(tag >> 16), static_cast<std::uint16_t>(tag));
    if (!found)
        return {};
    return {bytes.begin() + static_cast<std::ptrdiff_t>(found->header_offset),
            bytes.begin() + static_cast<std::ptrdiff_t>(found->end_offset)};
}
// `nodes` come out of every coded syntax with the bytes they went in with, and out of native ones.
void expect_kept(Image made, const Tree& nodes) {
    for (const Node& node : nodes)
        set(made.tree, node);
    for (const auto to : coded_syntaxes) {
        const Bytes bytes = expect_exact(made, to);
        for (const Node& node : nodes)
            EXPECT_EQ(element_bytes(bytes, to, node.tag), write_node(node, {}))
                << std::hex << node.tag;
    }
    EXPECT_TRUE(convert(made.bytes(), uid::explicit_le, uid::implicit_le).bytes ==
                made.bytes(uid::implicit_le));
}

TEST(Pitfall, Row16_PaddingRescaleAndLookupTables) {
    const Shape shape = shape_of(21, 23, 16, 16, true);
    Bytes pixels;
    for (std::size_t i = 0; i < std::size_t{21} * 23; ++i) // padding of -2000, and both ends
        put(pixels, i % 3 == 0 ? 0xF830 : i % 3 == 1 ? 0x8000 : 0x7FFF, 2, false);
    expect_kept(with_pixels(shape, pixels),
                {us(0x00280120, 0xF830, "SS"), us(0x00280121, 0xF8FF, "SS"),
                 text(0x00281050, "DS", "40\\300"), text(0x00281051, "DS", "400\\1500"),
                 text(0x00281052, "DS", "-1024"), text(0x00281053, "DS", "1"),
                 sequence(0x00283010,
                          {{numbers(0x00283002, "SS", {4, 0x8000, 16}, 2),
                            raw(0x00283006, "OW", Bytes(8, 9))}},
                          true, false)});
}

Image with_icon(bool in_words) {
    Random rng(4);
    Shape icon = shape_of(6, 6, in_words ? 16 : 8, 8);
    Tree item = pixel_module(icon, rng);
    item.push_back(raw(pixel_data, in_words ? "OW" : "OB", make_pixels(icon, rng)));
    Image made = image(shape_of(21, 23, 16, 12, false, 2));
    set(made.tree, sequence(0x00880200, {item}, true, true));
    return made;
}

// Only the pixels at the top are coded; the icon's are not looked at, neither when they have
// another shape than the header at the top nor when they are in fragments.
TEST(Pitfall, Row25_IconsAndNestedPixelData) {
    for (const bool in_words : {false, true}) {
        const Image made = with_icon(in_words);
        const Bytes icon = element_bytes(made.bytes(), uid::explicit_le, 0x00880200);
        for (const auto to : coded_syntaxes)
            EXPECT_EQ(element_bytes(expect_exact(made, to), to, 0x00880200), icon);
        EXPECT_TRUE(
            convert(made.bytes(uid::explicit_be), uid::explicit_be, uid::explicit_le).bytes ==
            made.bytes());
    }
}

TEST(Pitfall, Row25_IconsInFragments) {
    const Image made = image(shape_of(21, 23, 16, 12));
    for (const auto from : coded_syntaxes) {
        const auto s = streams_of(made, from);
        const auto [bytes, icon_at, icon_end] = with_coded_icon(made.tree, {{}, s[0]}, s[0]);
        const Bytes icon(bytes.begin() + static_cast<std::ptrdiff_t>(icon_at),
                         bytes.begin() + static_cast<std::ptrdiff_t>(icon_end));
        // Fragments are illegal in a native data set (PS3.5 A.4).
        for (const auto to : {uid::explicit_le, uid::implicit_le})
            EXPECT_EQ(reason_for(bytes, from, to), "nested_pixels");
        for (const auto to : coded_syntaxes) {
            if (to == from)
                continue;
            const Made coded = convert(bytes, from, to);
            ASSERT_EQ(to_string(coded.outcome.reason), "ok");
            EXPECT_NE(std::search(coded.bytes.begin(), coded.bytes.end(), icon.begin(), icon.end()),
                      coded.bytes.end());
            EXPECT_EQ(read_by_peer(to, streams_in(coded.bytes, to)[0], made.format()),
                      made.frame(0));
        }
    }
}

TEST(Pitfall, Row26_OverlayData) {
    Random rng(2);
    for (const char* vr : {"OW", "OB"}) {
        expect_kept(image(shape_of(21, 23, 16, 12)),
                    {us(0x60000010, 21), us(0x60000011, 23), us(0x60000100, 1), us(0x60000102, 0),
                     raw(0x60003000, "OW", noise(rng, 62)), us(0x60020100, 1), us(0x60020102, 0),
                     raw(0x60023000, vr, noise(rng, 62))});
    }
}

TEST(Pitfall, Row27_IdentityTypeAndDates) {
    expect_kept(image(shape_of(21, 23, 16, 12)),
                {text(0x00080008, "CS", "ORIGINAL\\PRIMARY\\AXIAL"),
                 text(0x00080012, "DA", "20240229"),
                 text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2"),
                 text(0x00080018, "UI", "1.2.840.99.1.2.3"), text(0x00080023, "DA", "19991231"),
                 text(0x00080033, "TM", "235959.999999"), text(0x0020000D, "UI", "1.2.840.99.1"),
                 text(0x0020000E, "UI", "1.2.840.99.1.2")});
}

// Design §6: as they were. A lossless step neither begins nor ends the history of loss, and
// decoding a lossy stream does not write one where its sender did not (the reference would: the
// design wins).
TEST(Pitfall, Row28_LossyHistory) {
    const Tree history{text(0x00282110, "CS", "01"), text(0x00282112, "DS", "12.5\\3"),
                       text(0x00282114, "CS", "ISO_10918_1\\ISO_14495_1")};
    expect_kept(image(shape_of(21, 23, 8, 8)), history);
    expect_kept(image(shape_of(21, 23, 8, 8)), {text(0x00282110, "CS", "00")});
    Image lossy = image(shape_of(21, 23, 8, 8));
    for (const bool said : {false, true}) {
        for (const Node& node : history)
            if (said)
                set(lossy.tree, node);
        const Bytes coded = encapsulated(lossy.tree, {{}, streams_of(lossy, uid::jpeg_ls)[0]});
        const Made native = decode_lossy(coded, uid::jpeg_ls_near);
        EXPECT_TRUE(native.bytes == lossy.bytes());
    }
}

TEST(Pitfall, Row38_PrivateElementsOfImplicitVr) {
    Image made = image(shape_of(21, 23, 16, 12));
    Random rng(8);
    set(made.tree, text(0x00090010, "LO", "SOMEBODY'S"));
    set(made.tree, text(0x00091001, "LO", "what it means they know"));
    set(made.tree, raw(0x00091002, "OB", noise(rng, 70'000))); // UN has 32-bit lengths
    Node inner =
        sequence(0x00091003, {{us(0x00280010, 5), text(0x00091004, "SH", "deep")}}, true, false);
    set(made.tree, inner);
    Tree seen = made.tree; // private VRs are unknown to who reads Implicit VR
    for (const std::uint32_t tag : {0x00091001U, 0x00091002U})
        set(seen, raw(tag, "UN", find(made.tree, tag)->value));
    inner.items[0][1].vr = "UN";
    set(seen, inner);
    const Image expected{made.shape, seen};
    const Bytes implicit = made.bytes(uid::implicit_le);
    EXPECT_TRUE(convert(implicit, uid::implicit_le, uid::explicit_le).bytes == expected.bytes());
    for (const auto to : coded_syntaxes) {
        const Made coded = convert(implicit, uid::implicit_le, to);
        EXPECT_EQ(problem_of(coded, expected, to), "");
        EXPECT_TRUE(convert(coded.bytes, to, uid::implicit_le).bytes ==
                    implicit); // nothing was lost
    }
}

// A sequence in UN is Implicit VR inside, in fragments' data sets too (PS3.5 6.2.2).
TEST(Pitfall, Row38_SequencesInUnknownElements) {
    Node unknown =
        sequence(0x00091006, {{us(0x00280010, 5), text(0x00091004, "SH", "deep")}}, false, false);
    unknown.vr = "UN";
    Node undefined = unknown;
    undefined.tag = 0x00091007;
    undefined.undefined = undefined.undefined_items = true;
    for (const Node& node : {unknown, undefined}) {
        Image made = image(shape_of(21, 23, 16, 12));
        set(made.tree, node);
        for (const auto to : coded_syntaxes)
            EXPECT_EQ(element_bytes(expect_exact(made, to), to, node.tag), write_node(node, {}));
    }
}

TEST(Pitfall, Row39_CharacterSetsGroupLengthsAndPads) {
    expect_kept(image(shape_of(21, 23, 16, 12)), {text(0x00080005, "CS", "\\ISO 2022 IR 87"),
                                                  text(0x00100010, "PN", "Yamada=\x1B$B;3ED\x1B(B"),
                                                  raw(0xFFFCFFFC, "OB", Bytes(30, 0))});
    // Retired group lengths: of groups that changed they are right, never stale.
    const Image rgb = image(colour_shape(Photometric::rgb, 8, true));
    const Form with_lengths{false, false, true};
    const Bytes source = write(rgb.tree, with_lengths);
    for (const auto to : coded_syntaxes) {
        const Made coded = convert(source, uid::explicit_le, to);
        ASSERT_EQ(to_string(coded.outcome.reason), "ok");
        const DataSet data_set = scan(coded.bytes, to);
        for (const std::uint32_t number : {0x0008U, 0x0028U, 0x7FE0U}) {
            const auto group = static_cast<std::uint16_t>(number);
            const ElementRef* length = data_set.find(group, 0);
            ASSERT_NE(length, nullptr);
            std::uint64_t end = 0;
            for (const auto& element : data_set.elements())
                end = element.group == group ? element.end_offset : end;
            const Bytes value = to_bytes(data_set.value(*length));
            EXPECT_EQ(le32(value, 0), end - length->end_offset) << group;
        }
        EXPECT_TRUE(convert(coded.bytes, to, uid::explicit_le).bytes ==
                    write(by_pixel_tree(rgb), with_lengths));
    }
    // Zeros behind the last element, of a block that was filled.
    Bytes trailing = image(shape_of(21, 23, 16, 12)).bytes();
    trailing.resize(trailing.size() + 64);
    const Made coded = convert(trailing, uid::explicit_le, uid::jpeg_ls);
    ASSERT_EQ(to_string(coded.outcome.reason), "ok");
    EXPECT_TRUE(convert(coded.bytes, uid::jpeg_ls, uid::explicit_le).bytes == trailing);
}

TEST(Pitfall, Row40_DigitalSignatures) {
    const Image plain = image(shape_of(21, 23, 16, 12)),
                rgb = image(colour_shape(Photometric::rgb, 8, true));
    for (const Image& made : {plain, rgb})
        for (const std::uint64_t tag : {0x7FE00010U, 0x00280004U, 0x00280006U})
            for (const auto to : coded_syntaxes) {
                const Image covered{made.shape, with_signature(made.tree, {0x00080018, tag})};
                expect_passed_on(covered, "signed_object", to);
                // Nor out of a coded syntax, where the signature was made over what is there.
                const Made coded = convert(made.bytes(), uid::explicit_le, to);
                if (coded.outcome.reason == TranscodeReason::ok) {
                    const Bytes bytes = encapsulated(with_signature(made.tree, {0x00080018, tag}),
                                                     {{}, streams_in(coded.bytes, to)[0]});
                    for (const auto other :
                         {uid::explicit_le, to == uid::rle ? uid::jpeg_ls : uid::rle})
                        EXPECT_EQ(reason_for(bytes, to, other), "signed_object");
                }
            }
    // Other elements' signatures go along.
    expect_exact({plain.shape, with_signature(plain.tree, {0x00080018, 0x00100010})}, uid::jpeg_ls);
    Tree unsaid = with_signature(plain.tree, {0x00080018});
    drop(unsaid, 0x4FFE0001); // nobody says what it covers
    expect_passed_on({plain.shape, unsaid}, "signed_object", uid::jpeg_ls);
}

// The data set is the transcoder's, the file meta information is made anew: by the syntax, with our
// name.
TEST(Pitfall, Row41_FileMetaInformation) {
    const Image made = image(shape_of(21, 23, 16, 12));
    for (const auto to : coded_syntaxes) {
        const Made coded = convert(made.bytes(), uid::explicit_le, to);
        const DataSet data_set = scan(coded.bytes, to);
        const auto meta =
            make_file_meta(data_set.text(0x0008, 0x0016), data_set.text(0x0008, 0x0018), to, "CT1");
        Bytes file = to_bytes(meta);
        file.insert(file.end(), coded.bytes.begin(), coded.bytes.end());
        const auto read = read_file_meta(as_span(file));
        ASSERT_TRUE(read);
        EXPECT_EQ(read->sop_class_uid, "1.2.840.10008.5.1.4.1.1.7");
        EXPECT_EQ(read->sop_instance_uid, "1.2.3");
        EXPECT_EQ(read->transfer_syntax_uid, to);
        EXPECT_EQ(read->dataset_offset, meta.size());
        EXPECT_EQ(le32(file, 140) + 144, meta.size()); // (0002,0000)
        const std::string text(file.begin(),
                               file.begin() + static_cast<std::ptrdiff_t>(meta.size()));
        EXPECT_NE(text.find(implementation_class_uid), std::string::npos);
        EXPECT_NE(text.find(implementation_version_name), std::string::npos);
    }
}

// Functional groups and the parts of a concatenation; the frames stay in their order, coded in
// threads that end in any.
TEST(Pitfall, Row43_FunctionalGroupsAndConcatenations) {
    const Shape shape = shape_of(21, 23, 16, 12, false, 7);
    Image made = image(shape);
    std::vector<Tree> per_frame;
    for (unsigned n = 0; n < 7; ++n)
        per_frame.push_back({sequence(0x00209111, {{numbers(0x00209157, "UL", {1, n + 1}, 4)}},
                                      n % 2 == 0, n % 3 == 0)});
    const Tree nodes{
        text(0x00209161, "UI", "1.2.3.9"),
        us(0x00209162, 2),
        us(0x00209163, 3),
        numbers(0x00209228, "UL", {7}, 4),
        sequence(0x52009229,
                 {{sequence(0x00289110, {{text(0x00180050, "DS", "1.25")}}, true, true)}}, true,
                 true),
        sequence(0x52009230, per_frame, true, false)};
    expect_kept(made, nodes);
    for (const Node& node : nodes)
        set(made.tree, node);
    TranscodeOptions options = any_size();
    options.frames_at_once = 4;
    options.for_each_frame = [](std::size_t count, const std::function<void(std::size_t)>& body) {
        std::vector<std::thread> threads;
        for (std::size_t n = count; n-- > 0;)
            threads.emplace_back(body, n);
        for (auto& thread : threads)
            thread.join();
    };
    for (const auto to : coded_syntaxes) {
        const Made coded = convert(made.bytes(), uid::explicit_le, to, options);
        EXPECT_EQ(problem_of(coded, made, to), "");
        EXPECT_EQ(coded.bytes, convert(made.bytes(), uid::explicit_le, to).bytes);
    }
}

} // namespace
} // namespace dcmflow::pitfalls
