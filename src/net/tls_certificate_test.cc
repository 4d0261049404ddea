#include "net/tls_certificate.h"

#include <gtest/gtest.h>

#include "net/testing/test_certificate.h"

namespace millrace {
namespace {

TEST(SelfSignedCertificate, TellsItsOwnAuthorityFromOtherFiles) {
  const auto made = MakeSelfSignedCertificate({"localhost", "127.0.0.1", "::1"});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(IsSelfSignedCa(made->ca));
  EXPECT_FALSE(IsSelfSignedCa(""));
  EXPECT_FALSE(IsSelfSignedCa("{}"));
  EXPECT_FALSE(IsSelfSignedCa(made->server.chain));
  EXPECT_FALSE(IsSelfSignedCa(made->server.private_key));
  EXPECT_FALSE(IsSelfSignedCa(made->ca + made->ca));
  EXPECT_FALSE(IsSelfSignedCa(MakeTestCertificate("DNS:localhost").certificate));
}

TEST(SelfSignedCertificate, IsNewEachTime) {
  const auto one = MakeSelfSignedCertificate({"localhost"});
  const auto other = MakeSelfSignedCertificate({"localhost"});
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_NE(one->ca, other->ca);
  EXPECT_NE(one->server.private_key, other->server.private_key);
}

TEST(SelfSignedCertificate, RefusesHostsThatAreNone) {
  EXPECT_FALSE(MakeSelfSignedCertificate({}).ok());
  EXPECT_FALSE(MakeSelfSignedCertificate({"localhost", ""}).ok());
}

}  // namespace
}  // namespace millrace
