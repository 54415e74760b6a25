// A codec server of the test's own.
#include "perdure/remote_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <thread>

#include "perdure/client_errors.h"

namespace perdure {
namespace {

using ::testing::HasSubstr;

class RemoteCodecTest : public ::testing::Test {
 protected:
  RemoteCodecTest() {
    server_.Post(R"(/codec/(\w+)/(encode|decode))",
                 [this](const httplib::Request& request, httplib::Response& response) {
                   path_ = request.path;
                   namespace_ = request.get_header_value("X-Namespace");
                   auth_ = request.get_header_value("Authorization");
                   body_ = request.body;
                   response.status = status_;
                   response.set_content(answer_, "application/json");
                 });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~RemoteCodecTest() override {
    server_.stop();
    thread_.join();
  }
  RemoteCodec Codec() const {
    return RemoteCodec(
        {.endpoint = "http://127.0.0.1:" + std::to_string(port_) + "/codec/{namespace}/",
         .auth = "Bearer secret",
         .namespace_ = "orders"});
  }

  httplib::Server server_;
  std::thread thread_;
  int port_ = 0;
  int status_ = 200;
  std::string answer_, path_, namespace_, auth_, body_;
};

TEST_F(RemoteCodecTest, SendsAndReadsPayloadsAsJson) {
  answer_ =
      R"({"payloads":[{"metadata":{"encoding":"YmluYXJ5L2VuYw==","key":"azE="},"data":"AAE="}]})";
  const Payloads encoded = Codec().encode({{"json/plain", "1", {}}});
  EXPECT_EQ(path_, "/codec/orders/encode");
  EXPECT_EQ(namespace_, "orders");
  EXPECT_EQ(auth_, "Bearer secret");
  EXPECT_EQ(body_, R"({"payloads":[{"data":"MQ==","metadata":{"encoding":"anNvbi9wbGFpbg=="}}]})");
  ASSERT_EQ(encoded.size(), 1u);
  EXPECT_EQ(encoded[0], (Payload{"binary/enc", std::string("\0\1", 2), {{"key", "k1"}}}));
  answer_ = R"({"payloads":[{"metadata":{"encoding":"anNvbi9wbGFpbg=="},"data":"MQ=="}]})";
  EXPECT_EQ(Codec().decode(encoded), (Payloads{{"json/plain", "1", {}}}));
  EXPECT_EQ(path_, "/codec/orders/decode");
}

TEST_F(RemoteCodecTest, AnswersThatAreNoneNameTheServer) {
  const auto error = [&]() -> std::string {
    try {
      Codec().decode({{"json/plain", "1", {}}});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  answer_ = "no json";
  EXPECT_THAT(error(), HasSubstr("/codec/orders/decode answered what cannot be read"));
  answer_ = R"({"payloads":[]})";
  EXPECT_THAT(error(), HasSubstr("answered 0 payloads for 1"));
  answer_ = R"({"payloads":[{"data":"!"}]})";
  EXPECT_THAT(error(), HasSubstr("no base64"));
  status_ = 403;
  EXPECT_THAT(error(), HasSubstr("answered 403"));
  server_.stop();
  EXPECT_THAT(error(), HasSubstr("does not answer"));
}

TEST(RemoteCodecOptions, AreOfTheClientsOptions) {
  EXPECT_EQ(RemoteCodec::of({}), nullptr);
  EXPECT_NE(RemoteCodec::of({.codec_endpoint = "https://codec.example"}), nullptr);
  EXPECT_THROW(RemoteCodec::of({.codec_endpoint = "codec.example"}), ConfigError);
}

}  // namespace
}  // namespace perdure
