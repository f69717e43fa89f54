#include "io/weights/checksum.h"

#include <openssl/evp.h>

#include <memory>

#include "base/hex.h"

namespace fledge {
namespace {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1)
      throw Error(ErrorKind::Internal, "sha256", "libcrypto offers no SHA-256");
  }
  void add(const char* bytes, std::size_t size) { EVP_DigestUpdate(context_.get(), bytes, size); }
  std::string hex() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_.get(), digest, &size);
    return hex_of(digest, size);
  }

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

}  // namespace

std::string sha256_of(const WeightFile& file, const StoredTensor& tensor) {
  Sha256 sum;
  file.read(tensor, [&](const char* bytes, std::size_t size) { sum.add(bytes, size); });
  return sum.hex();
}

std::string sha256_of(const std::string& text) {
  Sha256 sum;
  sum.add(text.data(), text.size());
  return sum.hex();
}

}  // namespace fledge
