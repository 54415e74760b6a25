// Completion queue tags that call a member function. Internal to rpc/.
#pragma once

namespace perdure::rpc {

class Tag {
 public:
  virtual void Complete(bool ok) = 0;

 protected:
  ~Tag() = default;
};

template <class Owner>
class MemberTag final : public Tag {
 public:
  using Member = void (Owner::*)(bool ok);
  MemberTag(Owner* owner, Member member) : owner_(owner), member_(member) {}
  void Complete(bool ok) override { (owner_->*member_)(ok); }

 private:
  Owner* owner_;
  Member member_;
};

}  // namespace perdure::rpc
