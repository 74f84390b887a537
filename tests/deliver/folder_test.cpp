// A folder as a destination: the layout, what may stand in a path, collisions, crashes, full disks.
#include "pipeline/deliver/folder_destination.h"
#include "pipeline/dicom/part10.h"
#include "tests/deliver/support.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dcmflow::testing {
namespace {

namespace fs = std::filesystem;
using deliver::FolderLayout;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::unique_ptr<Link> open_link(FolderDestination& destination) {
    auto link = destination.connect({});
    if (!link) {
        ADD_FAILURE() << link.error().text;
        return nullptr;
    }
    return std::move(*link);
}

SendResult send_into(const fs::path& root, const Object& object, const std::string& layout = {}) {
    FolderDestination destination(folder_config(root, layout));
    auto link = open_link(destination);
    return link ? link->send(object.parcel()) : SendResult{};
}

void write_file(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}

TEST(Folder, WritesAPart10FileByTheLayout) {
    const TempFolder folder;
    const Object object = make_object(100'000);
    const SendResult result = send_into(folder.path(), object);
    ASSERT_EQ(result.outcome, Outcome::delivered) << result.text;
    EXPECT_EQ(result.text, "");
    EXPECT_THAT(files_below(folder.path()),
                ElementsAre(fs::path("PAT1/1.2.3/1.2.3.1/1.2.3.4.dcm")));
    const Bytes file = read_file(folder.path() / "PAT1/1.2.3/1.2.3.1/1.2.3.4.dcm");
    const auto meta = read_file_meta(file);
    ASSERT_TRUE(meta) << meta.error().text;
    EXPECT_EQ(meta->sop_class_uid, ct_image);
    EXPECT_EQ(meta->sop_instance_uid, "1.2.3.4");
    EXPECT_EQ(meta->transfer_syntax_uid, explicit_le);
    EXPECT_EQ(Bytes(file.begin() + static_cast<std::ptrdiff_t>(meta->dataset_offset), file.end()),
              object.data_set);
}

TEST(Folder, TakesAnySyntaxAndAnyClass) {
    const TempFolder folder;
    FolderDestination destination(folder_config(folder.path()));
    auto link = open_link(destination);
    ASSERT_TRUE(link);
    EXPECT_TRUE(link->takes("1.2.3", "4.5.6"));
    EXPECT_TRUE(link->asked("1.2.3", "4.5.6"));
    EXPECT_TRUE(link->usable());
}

TEST(Folder, ValuesCannotLeaveTheFolder) {
    const TempFolder outer;
    fs::create_directory(outer.path() / "root");
    const char* values[] = {"..",        "../..",           "../../evil", "/etc/passwd",
                            "a/../../b", "\\\\host\\share", ". .",        "..."};
    int number = 0;
    for (const char* value : values) {
        const SendResult result = send_into(
            outer.path() / "root", make_object(1'000, "1.2." + std::to_string(number++), value));
        EXPECT_EQ(result.outcome, Outcome::delivered) << value << ": " << result.text;
    }
    const auto files = files_below(outer.path());
    EXPECT_THAT(files, SizeIs(std::size(values)));
    for (const fs::path& file : files) {
        EXPECT_EQ(*file.begin(), "root");
        EXPECT_EQ(std::distance(file.begin(), file.end()), 5) << file;
    }
}

TEST(FolderLayout, SanitisesValues) {
    EXPECT_EQ(FolderLayout::sanitise("PAT 1"), "PAT 1");
    EXPECT_EQ(FolderLayout::sanitise(""), "unknown");
    EXPECT_EQ(FolderLayout::sanitise("  "), "unknown");
    EXPECT_EQ(FolderLayout::sanitise("."), "unknown");
    EXPECT_EQ(FolderLayout::sanitise(".."), "unknown");
    EXPECT_EQ(FolderLayout::sanitise("../x"), "_x");
    EXPECT_EQ(FolderLayout::sanitise("a/b\\c:d*e?f\"g<h>i|j"), "a_b_c_d_e_f_g_h_i_j");
    EXPECT_EQ(FolderLayout::sanitise("a\nb\tc\x7f"), "a_b_c_");
    EXPECT_EQ(FolderLayout::sanitise(std::string("a\0b", 3)), "a_b");
    EXPECT_EQ(FolderLayout::sanitise(".hidden"), "hidden");
    EXPECT_EQ(FolderLayout::sanitise("M\u00fcller"), "M\u00fcller");
    EXPECT_EQ(FolderLayout::sanitise(std::string(100, 'x')), std::string(64, 'x'));
    std::string umlauts;
    for (int i = 0; i < 40; ++i) {
        umlauts += "\u00fc";
    }
    EXPECT_EQ(FolderLayout::sanitise("x" + umlauts), "x" + umlauts.substr(0, 62))
        << "never half a character";
}

TEST(FolderLayout, FillsPlaceholdersAmongOtherText) {
    const auto layout = FolderLayout::parse("{Modality}_{PatientID}/all/{SOPInstanceUID}.dcm");
    ASSERT_TRUE(layout) << layout.error().text;
    EXPECT_THAT(layout->path_of(make_object(1'000).parcel()),
                ElementsAre("CT_PAT1", "all", "1.2.3.4.dcm"));
}

TEST(FolderLayout, TextIsReadInItsCharacterSet) {
    const auto layout = FolderLayout::parse("{PatientID}");
    ASSERT_TRUE(layout);
    EXPECT_THAT(layout->path_of(make_object(1'000, "1.2", "M\xfcller").parcel()),
                ElementsAre("M\u00fcller"));
}

TEST(FolderLayout, MissingAndUnreadableGiveUnknown) {
    const auto layout =
        FolderLayout::parse("{AccessionNumber}/{StudyInstanceUID}/{SOPInstanceUID}.dcm");
    ASSERT_TRUE(layout);
    EXPECT_THAT(layout->path_of(make_object(1'000).parcel()),
                ElementsAre("unknown", "1.2.3", "1.2.3.4.dcm"));
    Object broken = make_object(1'000);
    broken.data_set.resize(100, std::byte{0xFF});
    broken.data_set[3] = std::byte{0xFF};
    EXPECT_THAT(layout->path_of(broken.parcel()), ElementsAre("unknown", "unknown", "1.2.3.4.dcm"));
}

TEST(FolderLayout, SaysWhatIsWrongWithATemplate) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "is not a folder or file name"},
        {"/abs/x", "is not a folder or file name"},
        {"a//b", "is not a folder or file name"},
        {"a/../b", "is not a folder or file name"},
        {"{PatientID", "brace without its partner"},
        {"PatientID}", "brace without its partner"},
        {"{PatientId}", "names no DICOM keyword: PatientId"},
        {"a\nb", "control character"}};
    for (const auto& [text, message] : cases) {
        const auto layout = FolderLayout::parse(text);
        ASSERT_FALSE(layout) << text;
        EXPECT_THAT(layout.error().text, HasSubstr(message)) << text;
    }
}

TEST(Folder, ABadLayoutIsAPermanentConnectError) {
    const TempFolder folder;
    FolderDestination destination(folder_config(folder.path(), "{Nonsense}.dcm"));
    const auto link = destination.connect({});
    ASSERT_FALSE(link);
    EXPECT_TRUE(link.error().permanent);
    EXPECT_THAT(link.error().text, HasSubstr("Nonsense"));
    const auto steps = destination.probe({});
    ASSERT_THAT(steps, SizeIs(1));
    EXPECT_FALSE(steps[0].ok);
}

TEST(Folder, TheSameObjectAgainIsDeliveredOnce) {
    const TempFolder folder;
    const Object object = make_object(3'000'000);
    EXPECT_EQ(send_into(folder.path(), object).outcome, Outcome::delivered);
    const SendResult again = send_into(folder.path(), object);
    EXPECT_EQ(again.outcome, Outcome::delivered);
    EXPECT_FALSE(again.warning);
    EXPECT_THAT(files_below(folder.path()), SizeIs(1));
}

TEST(Folder, OtherContentUnderTheSameNameGoesBesideIt) {
    const TempFolder folder;
    const Object first = make_object(10'000, "1.2.3.4", "PAT1", 1);
    const Object second = make_object(10'000, "1.2.3.4", "PAT1", 2);
    Object third = first;
    third.syntax = implicit_le; // the same bytes, but they mean something else
    EXPECT_EQ(send_into(folder.path(), first, "{SOPInstanceUID}.dcm").outcome, Outcome::delivered);
    for (const Object* other : std::initializer_list<const Object*>{&second, &third}) {
        const SendResult result = send_into(folder.path(), *other, "{SOPInstanceUID}.dcm");
        EXPECT_EQ(result.outcome, Outcome::delivered);
        EXPECT_TRUE(result.warning);
        EXPECT_THAT(result.text, HasSubstr("a file with other content"));
        EXPECT_EQ(send_into(folder.path(), *other, "{SOPInstanceUID}.dcm").outcome,
                  Outcome::delivered);
    }
    const auto files = files_below(folder.path());
    ASSERT_THAT(files, SizeIs(3));
    for (const fs::path& file : files) {
        EXPECT_THAT(file.string(), StartsWith("1.2.3.4"));
        EXPECT_EQ(file.extension(), ".dcm");
    }
    const Bytes kept = read_file(folder.path() / "1.2.3.4.dcm");
    EXPECT_TRUE(std::equal(first.data_set.rbegin(), first.data_set.rend(), kept.rbegin()));
}

TEST(Folder, AFileThatIsNotDicomIsNeverReplaced) {
    const TempFolder folder;
    write_file(folder.path() / "1.2.3.4.dcm", "somebody's notes");
    const SendResult result = send_into(folder.path(), make_object(1'000), "{SOPInstanceUID}.dcm");
    EXPECT_EQ(result.outcome, Outcome::delivered);
    EXPECT_THAT(files_below(folder.path()), SizeIs(2));
    EXPECT_EQ(read_file(folder.path() / "1.2.3.4.dcm").size(), std::strlen("somebody's notes"));
}

TEST(Folder, WhatACrashLeftBehindIsTakenOver) {
    const TempFolder folder;
    const Object object = make_object(50'000);
    ASSERT_EQ(send_into(folder.path(), object, "{SOPInstanceUID}.dcm").outcome, Outcome::delivered);
    const Bytes whole = read_file(folder.path() / "1.2.3.4.dcm");
    fs::remove(folder.path() / "1.2.3.4.dcm");
    FolderDestination destination(folder_config(folder.path(), "{SOPInstanceUID}.dcm"));
    auto link = open_link(destination);
    ASSERT_TRUE(link);
    const pid_t child = ::fork();
    if (child == 0) {
        // RLIMIT_FSIZE kills the writer by SIGXFSZ after the first bytes: as sudden as kill -9.
        ::signal(SIGXFSZ, SIG_DFL);
        const struct rlimit limit { 10'000, 10'000 };
        ::setrlimit(RLIMIT_FSIZE, &limit);
        (void)link->send(object.parcel());
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    const auto left = files_below(folder.path());
    ASSERT_THAT(left, SizeIs(1));
    EXPECT_THAT(left[0].string(), StartsWith(".dcmflow-"));
    EXPECT_EQ(fs::file_size(folder.path() / left[0]), 10'000U);

    EXPECT_EQ(link->send(object.parcel()).outcome, Outcome::delivered);
    EXPECT_THAT(files_below(folder.path()), ElementsAre(fs::path("1.2.3.4.dcm")));
    EXPECT_EQ(read_file(folder.path() / "1.2.3.4.dcm"), whole);
}

TEST(Folder, LinksInsideAreNotFollowed) {
    const TempFolder folder;
    const TempFolder elsewhere;
    fs::create_directory_symlink(elsewhere.path(), folder.path() / "PAT1");
    const SendResult result = send_into(folder.path(), make_object(1'000));
    EXPECT_EQ(result.outcome, Outcome::retry_object);
    EXPECT_THAT(result.text, HasSubstr("links are not followed"));
    EXPECT_THAT(files_below(elsewhere.path()), SizeIs(0));

    // As the file itself: left alone, the object goes beside it.
    write_file(elsewhere.path() / "target", "precious");
    fs::create_symlink(elsewhere.path() / "target", folder.path() / "1.2.3.4.dcm");
    EXPECT_EQ(send_into(folder.path(), make_object(1'000), "{SOPInstanceUID}.dcm").outcome,
              Outcome::delivered);
    EXPECT_EQ(read_file(elsewhere.path() / "target").size(), 8U);
    EXPECT_TRUE(fs::is_symlink(folder.path() / "1.2.3.4.dcm"));
}

TEST(Folder, AFileWhereAFolderBelongsHarmsThisObjectOnly) {
    const TempFolder folder;
    write_file(folder.path() / "PAT1", "in the way");
    FolderDestination destination(folder_config(folder.path()));
    auto link = open_link(destination);
    ASSERT_TRUE(link);
    EXPECT_EQ(link->send(make_object(1'000).parcel()).outcome, Outcome::retry_object);
    EXPECT_TRUE(link->usable());
    EXPECT_EQ(link->send(make_object(1'000, "1.2", "PAT2").parcel()).outcome, Outcome::delivered);
}

TEST(Folder, AMissingRootIsALinkFailureAndIsNotMade) {
    const TempFolder folder;
    FolderDestination destination(folder_config(folder.path() / "not-mounted"));
    const auto link = destination.connect({});
    ASSERT_FALSE(link);
    EXPECT_FALSE(link.error().permanent);
    EXPECT_THAT(link.error().text, HasSubstr("is it mounted?"));
    EXPECT_FALSE(fs::exists(folder.path() / "not-mounted"));
}

TEST(Folder, ARootThatGoesAwayIsALinkFailure) {
    const TempFolder folder;
    fs::create_directory(folder.path() / "root");
    FolderDestination destination(folder_config(folder.path() / "root"));
    auto link = open_link(destination);
    ASSERT_TRUE(link);
    fs::remove(folder.path() / "root");
    EXPECT_EQ(link->send(make_object(1'000).parcel()).outcome, Outcome::retry_link);
    EXPECT_FALSE(link->usable());
}

TEST(Folder, ErrorsDoNotTellThePatient) {
    const TempFolder folder;
    write_file(folder.path() / "Test^Name", "in the way");
    const SendResult result =
        send_into(folder.path(), make_object(1'000), "{PatientName}/{SOPInstanceUID}.dcm");
    EXPECT_EQ(result.outcome, Outcome::retry_object);
    EXPECT_THAT(result.text, Not(HasSubstr("Name")));
}

TEST(Folder, ProbeWritesAndCleansUp) {
    const TempFolder folder;
    FolderDestination destination(folder_config(folder.path()));
    const auto steps = destination.probe({});
    ASSERT_THAT(steps, SizeIs(4));
    for (const ProbeStep& step : steps) {
        EXPECT_TRUE(step.ok) << step.what << ": " << step.detail;
    }
    EXPECT_THAT(files_below(folder.path()), SizeIs(0));
}

TEST(Registry, MakesBothKinds) {
    const TempFolder folder;
    const auto files = make_destination(folder_config(folder.path()));
    ASSERT_TRUE(files);
    EXPECT_EQ(files->name(), "folder");
    EXPECT_TRUE(files->connect({}));
    const auto dicom = make_destination(dicom_config(1));
    ASSERT_TRUE(dicom);
    EXPECT_EQ(dicom->name(), "archive");
}

} // namespace
} // namespace dcmflow::testing
