// The table of transfer syntaxes: no duplicates, and abilities that this build really has.
#include "codecs/registry.h"
#include "codecs/transfer_syntax.h"

#include <gtest/gtest.h>

#include <set>

namespace dcmflow::codecs {
namespace {

TEST(TransferSyntax, UidsAndNamesAreUniqueAndWellFormed) {
    std::set<std::string_view> uids, names;
    for (const TransferSyntax& syntax : transfer_syntaxes()) {
        SCOPED_TRACE(syntax.uid);
        EXPECT_TRUE(uids.insert(syntax.uid).second);
        EXPECT_TRUE(names.insert(syntax.name).second);
        EXPECT_FALSE(syntax.title.empty());
        EXPECT_LE(syntax.uid.size(), 64U);
        EXPECT_EQ(syntax.uid.find_first_not_of("0123456789."), std::string_view::npos);
        EXPECT_EQ(syntax.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"),
                  std::string_view::npos);
        EXPECT_FALSE(syntax.name.empty());
        EXPECT_NE(syntax.name, "original"); // words of the config with another meaning
        EXPECT_NE(syntax.name, "auto");
        // PS3.5 A.4: fragments only in Explicit VR Little Endian.
        EXPECT_LE(syntax.encapsulated + syntax.implicit_vr + syntax.big_endian + syntax.deflated,
                  1);
        EXPECT_TRUE(syntax.can_read || !syntax.can_write);
        EXPECT_TRUE(syntax.lossless || !syntax.can_write);
    }
}

TEST(TransferSyntax, LooksUpBothWays) {
    for (const TransferSyntax& syntax : transfer_syntaxes()) {
        EXPECT_EQ(find_by_uid(syntax.uid), &syntax);
        EXPECT_EQ(find_by_name(syntax.name), &syntax);
        EXPECT_EQ(display_name(syntax.uid), syntax.name);
    }
    EXPECT_EQ(find_by_uid("1.2.840.10008.1.2.4"), nullptr);
    EXPECT_EQ(find_by_name("jpeg"), nullptr);
    EXPECT_EQ(find_by_name(""), nullptr);
    EXPECT_EQ(display_name("1.2.3"), "1.2.3");
}

TEST(TransferSyntax, EveryNameOfTheDesignIsThere) { // design §5
    const std::pair<std::string_view, std::string_view> rows[] = {
        {"explicit-le", "1.2.840.10008.1.2.1"},      {"implicit-le", "1.2.840.10008.1.2"},
        {"explicit-be", "1.2.840.10008.1.2.2"},      {"deflated", "1.2.840.10008.1.2.1.99"},
        {"jpeg-ls", "1.2.840.10008.1.2.4.80"},       {"jpeg-ls-near", "1.2.840.10008.1.2.4.81"},
        {"jpeg2000", "1.2.840.10008.1.2.4.90"},      {"jpeg2000-lossy", "1.2.840.10008.1.2.4.91"},
        {"htj2k", "1.2.840.10008.1.2.4.201"},        {"htj2k-rpcl", "1.2.840.10008.1.2.4.202"},
        {"htj2k-lossy", "1.2.840.10008.1.2.4.203"},  {"jpeg-baseline", "1.2.840.10008.1.2.4.50"},
        {"jpeg-extended", "1.2.840.10008.1.2.4.51"}, {"jpeg-lossless-57", "1.2.840.10008.1.2.4.57"},
        {"jpeg-lossless", "1.2.840.10008.1.2.4.70"}, {"rle", "1.2.840.10008.1.2.5"},
        {"jpeg-xl", "1.2.840.10008.1.2.4.110"},      {"deflated-frame", "1.2.840.10008.1.2.8.1"},
    };
    for (const auto& [name, uid] : rows) {
        const TransferSyntax* syntax = find_by_name(name);
        ASSERT_NE(syntax, nullptr) << name;
        EXPECT_EQ(syntax->uid, uid);
    }
}

TEST(TransferSyntax, FlagsOfTheNativeOnes) {
    EXPECT_TRUE(find_by_uid(uid::implicit_le)->implicit_vr);
    EXPECT_TRUE(find_by_uid(uid::explicit_be)->big_endian);
    EXPECT_TRUE(find_by_uid(uid::deflated)->deflated);
    EXPECT_FALSE(find_by_uid(uid::explicit_le)->encapsulated);
    EXPECT_FALSE(find_by_uid(uid::explicit_be)->can_write);
    EXPECT_FALSE(find_by_uid(uid::deflated)->can_write);
}

TEST(Registry, HasACodecForExactlyTheEncapsulatedSyntaxesThatTheTableSaysWeRead) {
    const Registry registry;
    const std::set<std::string_view> by_dcmtk{uid::jpeg_extended, uid::jpeg_lossless_57,
                                              uid::jpeg_lossless};
    for (const TransferSyntax& syntax : transfer_syntaxes()) {
        if (by_dcmtk.count(syntax.uid) != 0)
            continue; // all_codecs() has them: tests/dicom/dcmtk_jpeg_registry_test.cpp
        const Codec* codec = registry.find(syntax.uid);
        EXPECT_EQ(codec != nullptr, syntax.encapsulated && syntax.can_read) << syntax.name;
        if (codec != nullptr) {
            EXPECT_EQ(codec->name(), syntax.name);
        }
    }
    EXPECT_EQ(registry.find("1.2.3"), nullptr);
}

} // namespace
} // namespace dcmflow::codecs
