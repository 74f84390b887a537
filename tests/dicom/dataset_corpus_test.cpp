// Real files: whatever dcmdump reads we scan, and we find what DCMTK finds.
#include "pipeline/dicom/dictionary.h"
#include "pipeline/dicom/part10.h"
#include "tests/dicom/dataset_bytes.h"

#include <gtest/gtest.h>
#include <map>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dctk.h>

namespace dcmflow {
namespace {

using namespace test;
namespace fs = std::filesystem;

struct CorpusFile {
    fs::path path;
    bool dcmdump_reads = true;
};

// path … dcmdump notes, tab separated with a heading.
std::vector<CorpusFile> corpus() {
    const fs::path folder = corpus_folder();
    std::ifstream in(folder / "index.tsv");
    const auto cells_of = [](const std::string& line) {
        std::vector<std::string> cells(1);
        for (const char c : line) {
            if (c == '\t')
                cells.emplace_back();
            else
                cells.back() += c;
        }
        return cells;
    };
    std::vector<CorpusFile> files;
    std::string line;
    std::size_t column = 0;
    if (std::getline(in, line)) {
        const auto heading = cells_of(line);
        column = static_cast<std::size_t>(std::find(heading.begin(), heading.end(), "dcmdump") -
                                          heading.begin());
    }
    while (std::getline(in, line)) {
        const auto cells = cells_of(line);
        if (column >= cells.size())
            continue;
        files.push_back({folder / cells[0], cells[column].rfind("rc1", 0) != 0});
    }
    return files;
}

// A corpus file, opened: its data set, inflated if need be.
struct Opened {
    std::vector<std::byte> file;
    std::vector<std::byte> inflated;
    std::span<const std::byte> bytes;
    FileMeta meta;
    bool ok = false;
};
Opened open(const fs::path& path) {
    Opened opened;
    opened.file = read_file(path);
    auto meta = read_file_meta(opened.file);
    if (!meta)
        return opened;
    opened.meta = std::move(*meta);
    opened.bytes = std::span<const std::byte>(opened.file).subspan(opened.meta.dataset_offset);
    if (opened.meta.transfer_syntax_uid == "1.2.840.10008.1.2.1.99") {
        auto inflated = inflate_dataset(opened.bytes, 1U << 30);
        if (!inflated)
            return opened;
        opened.inflated = std::move(*inflated);
        opened.bytes = opened.inflated;
    }
    opened.ok = true;
    return opened;
}

bool has_preamble(std::span<const std::byte> file) {
    return file.size() > 132 && std::memcmp(file.data() + 128, "DICM", 4) == 0;
}

TEST(Corpus, EveryFileThatDcmdumpReadsScans) {
    const auto files = corpus();
    if (files.empty())
        GTEST_SKIP() << "no corpus at " << corpus_folder();
    std::size_t scanned = 0;
    std::size_t refused = 0;
    for (const CorpusFile& file : files) {
        const Opened opened = open(file.path);
        if (!opened.ok) {
            // Without preamble, or without a syntax in the meta information: refused by design.
            const bool syntax_missing = file.path.filename() == "meta_missing_tsyntax.dcm";
            EXPECT_TRUE(!has_preamble(opened.file) || syntax_missing) << file.path;
            ++refused;
            continue;
        }
        const auto data_set =
            DataSet::scan(opened.bytes, Encoding::of(opened.meta.transfer_syntax_uid));
        if (file.dcmdump_reads) {
            EXPECT_TRUE(data_set) << file.path << ": " << data_set.error().text;
        } else if (data_set) {
            ADD_FAILURE() << file.path << " scans although dcmdump could not read it";
        } else {
            EXPECT_FALSE(data_set.error().text.empty());
            EXPECT_LT(data_set.error().offset, opened.bytes.size());
        }
        ++scanned;
    }
    RecordProperty("scanned", static_cast<int>(scanned));
    EXPECT_GE(scanned, 550U);
    EXPECT_LE(refused, 15U);
}

std::string standard_vr(DcmEVR evr) {
    switch (evr) {
    case EVR_ox:
    case EVR_px:
    case EVR_lt:
    case EVR_PixelData:
    case EVR_OverlayData:
        return "OW";
    case EVR_xs:
        return "US";
    case EVR_up:
        return "UL";
    default:
        return DcmVR(evr).getVRName();
    }
}

// What must agree: the tag, the length as it is in the bytes, and the VR where both know one.
void compare(const fs::path& path, const DataSet& ours, DcmDataset& theirs) {
    std::map<std::uint32_t, const ElementRef*> first;
    for (const ElementRef& element : ours.elements())
        first.emplace(element.tag(), &element);
    ASSERT_EQ(first.size(), theirs.card()) << path;
    auto it = first.begin();
    for (unsigned long i = 0; i < theirs.card(); ++i, ++it) {
        DcmElement* element = theirs.getElement(i);
        const ElementRef& own = *it->second;
        const std::string where = path.string() + " " + element->getTag().toString().c_str();
        ASSERT_EQ(own.tag(), (std::uint32_t{element->getGTag()} << 16) | element->getETag())
            << where;
        const bool encapsulated = own.tag() == 0x7FE00010 && own.undefined_length;
        if (encapsulated) {
            auto* pixels = dynamic_cast<DcmPixelData*>(element);
            ASSERT_NE(pixels, nullptr) << where;
            DcmPixelSequence* sequence = nullptr;
            E_TransferSyntax xfer = EXS_Unknown;
            const DcmRepresentationParameter* parameter = nullptr;
            pixels->getOriginalRepresentationKey(xfer, parameter);
            ASSERT_TRUE(pixels->getEncapsulatedRepresentation(xfer, parameter, sequence).good())
                << where;
            const auto fragments = ours.items(own);
            ASSERT_EQ(fragments.size(), sequence->card()) << where;
            for (unsigned long k = 0; k < sequence->card(); ++k) {
                DcmPixelItem* fragment = nullptr;
                sequence->getItem(fragment, k);
                EXPECT_EQ(fragments[k].value_length, fragment->getLength()) << where;
            }
            continue;
        }
        const bool undefined = element->getLengthField() == DCM_UndefinedLength;
        EXPECT_EQ(own.undefined_length, undefined) << where;
        if (auto* sequence = dynamic_cast<DcmSequenceOfItems*>(element)) {
            EXPECT_EQ(ours.items(own).size(), sequence->card()) << where;
        } else if (!undefined) {
            // The field as it was read; odd ones DCMTK makes even.
            EXPECT_EQ(own.value_length + own.value_length % 2,
                      element->getLengthField() + element->getLengthField() % 2)
                << where;
        }
        const std::string vr = standard_vr(element->getVR());
        const bool by_private_dictionary = ours.encoding().implicit_vr && (own.group & 1) != 0;
        const bool signed_by_image =
            vr == "SS" && dictionary_vr_follows_sign(own.group, own.element);
        if (own.vr_text() != "UN" && !by_private_dictionary && !signed_by_image) {
            EXPECT_EQ(own.vr_text(), vr) << where;
        }
    }
}

TEST(Corpus, DcmtkFindsTheSame) {
    const auto files = corpus();
    if (files.empty())
        GTEST_SKIP() << "no corpus at " << corpus_folder();
    OFLog::configure(OFLogger::FATAL_LOG_LEVEL);
    std::size_t compared = 0;
    for (const CorpusFile& file : files) {
        const Opened opened = open(file.path);
        if (!opened.ok)
            continue;
        // The scan comes first: it is what keeps nesting from DCMTK's recursion.
        const auto data_set =
            DataSet::scan(opened.bytes, Encoding::of(opened.meta.transfer_syntax_uid));
        if (!data_set)
            continue;
        DcmFileFormat format;
        if (format.loadFile(file.path.c_str(), EXS_Unknown, EGL_noChange).bad())
            continue;
        compare(file.path, *data_set, *format.getDataset());
        ++compared;
    }
    EXPECT_GE(compared, 550U);
}

// Every nested data set reads on its own as well, and has the bytes that the walk reported.
TEST(Corpus, ItemsReadOnTheirOwn) {
    const auto files = corpus();
    if (files.empty())
        GTEST_SKIP() << "no corpus at " << corpus_folder();
    std::size_t items = 0;
    for (const CorpusFile& file : files) {
        const Opened opened = open(file.path);
        if (!opened.ok)
            continue;
        const auto data_set =
            DataSet::scan(opened.bytes, Encoding::of(opened.meta.transfer_syntax_uid));
        if (!data_set)
            continue;
        for (const ElementRef& element : data_set->elements()) {
            if (element.vr_text() != "SQ")
                continue;
            for (const ItemRef& item : data_set->items(element)) {
                const auto nested =
                    DataSet::scan(data_set->value(item), data_set->items_encoding(element));
                ASSERT_TRUE(nested) << file.path << nested.error().text;
                ++items;
            }
        }
    }
    EXPECT_GT(items, 1000U);
}

} // namespace
} // namespace dcmflow
