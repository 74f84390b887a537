// A blob without a row (power cut between the two) is adopted at the next start, unless it is
// damaged.
#include "tests/receive/support.h"

#include <fstream>
#include <gtest/gtest.h>

namespace dcmflow::receive_test {
namespace {

struct Fixture {
    Fixture() {
        Peer peer(site.port());
        EXPECT_TRUE(peer.associate({{ct_class,
                                     {
                                         explicit_le,
                                     }}},
                                   "CT7"));
        EXPECT_EQ(peer.store(ct_class, "1.2.10.1", object("1.2.10.1", 3000)).status, 0);
        row = site.rows().at(0);
        file = test::read_file(site.spool->blobs().path(row.instance.blob));
    }
    Site site;
    InstanceRow row;
    Bytes file;
};

TEST(Adopt, TheRowIsMadeAgainFromTheFile) {
    Fixture fixture;
    const auto adopted = fixture.site.intake->adopt("some-blob", fixture.file);
    ASSERT_TRUE(adopted) << adopted.error().text;
    EXPECT_TRUE(adopted->adopted);
    EXPECT_EQ(adopted->instance.blob, "some-blob");
    EXPECT_EQ(adopted->instance.digest, fixture.row.instance.digest);
    EXPECT_EQ(adopted->instance.bytes, fixture.row.instance.bytes);
    EXPECT_EQ(adopted->instance.sop_instance_uid, "1.2.10.1");
    EXPECT_EQ(adopted->origin.calling_aet, "CT7");
    EXPECT_EQ(adopted->origin.peer_ip, "127.0.0.1");
    EXPECT_EQ(adopted->origin.received, fixture.row.origin.received);
}

TEST(Adopt, EveryFlippedByteOfTheDataSetIsFound) {
    Fixture fixture;
    const auto begin = fixture.file.size() - fixture.row.instance.bytes;
    for (std::size_t at = begin; at < fixture.file.size(); at += 97) {
        auto damaged = fixture.file;
        damaged[at] ^= std::byte{1};
        const auto adopted = fixture.site.intake->adopt("blob", damaged);
        ASSERT_FALSE(adopted) << at;
        EXPECT_EQ(adopted.error().code, ErrorCode::malformed);
    }
    auto cut = fixture.file;
    for (const std::size_t size :
         {cut.size() - 1, begin, begin - 1, std::size_t{200}, std::size_t{0}}) {
        cut.resize(size);
        EXPECT_FALSE(fixture.site.intake->adopt("blob", cut)) << size;
    }
}

} // namespace
} // namespace dcmflow::receive_test
