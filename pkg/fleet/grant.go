package fleet

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/authpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"linkd/pkg/spec"
)

// The users of etcd are the common names of certificates, and have no passwords. Every node may read the whole fleet, and write only
// what begins with its own name.
const (
	readerRole = "linkd-reader"
	adminRole  = "linkd-admin"
	// rootName is the user and the role that etcd needs before it checks anything (etcd.io, "Role-based access control").
	rootName = "root"
)

func nodeRole(name string) string { return "linkd-node-" + name }

// GrantNode makes a user and a role for a node.
func (s *Store) GrantNode(ctx context.Context, name string) error {
	if err := spec.CheckNodeName(name); err != nil {
		return err
	}
	if name == rootName {
		return errors.New("root is the user of etcd that may do everything, so no node can have that name")
	}
	return errors.Join(
		s.addRole(ctx, readerRole, s.prefix+"/", clientv3.PermRead),
		s.addRole(ctx, nodeRole(name), s.nodeKey(name, ""), clientv3.PermReadWrite),
		s.permit(ctx, nodeRole(name), s.memberKey(name), "", clientv3.PermReadWrite),
		s.addUser(ctx, name, readerRole, nodeRole(name)),
	)
}

// RevokeNode removes the user and the role of a node. Its certificate is of no more use to it then.
func (s *Store) RevokeNode(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	_, err := s.client.UserDelete(ctx, name)
	if errors.Is(err, rpctypes.ErrUserNotFound) {
		return fmt.Errorf("etcd has no user %s", name)
	}
	if err != nil {
		return explain(err)
	}
	if _, err := s.client.RoleDelete(ctx, nodeRole(name)); err != nil && !errors.Is(err, rpctypes.ErrRoleNotFound) {
		return explain(err)
	}
	return nil
}

// GrantAdmin makes a user who may store files.
func (s *Store) GrantAdmin(ctx context.Context, name string) error {
	return errors.Join(s.addRole(ctx, adminRole, s.prefix+"/", clientv3.PermReadWrite), s.addUser(ctx, name, adminRole))
}

// EnableAuth makes etcd check who asks. From then on only the owner of a certificate for root can change users and roles.
func (s *Store) EnableAuth(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if _, err := s.client.RoleAdd(ctx, rootName); err != nil && !errors.Is(err, rpctypes.ErrRoleAlreadyExist) {
		return explain(err)
	}
	if err := s.addUser(ctx, rootName, rootName); err != nil {
		return err
	}
	_, err := s.client.AuthEnable(ctx)
	return explain(err)
}

// addRole makes a role with one permission on all keys that begin with a prefix. It takes one that is there.
func (s *Store) addRole(ctx context.Context, role, prefix string, may authpb.Permission_Type) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if _, err := s.client.RoleAdd(ctx, role); err != nil && !errors.Is(err, rpctypes.ErrRoleAlreadyExist) {
		return explain(err)
	}
	return s.permit(ctx, role, prefix, clientv3.GetPrefixRangeEnd(prefix), may)
}

// permit gives a role a permission on the keys from one up to, but without, another; on the one alone if end is "".
func (s *Store) permit(ctx context.Context, role, key, end string, may authpb.Permission_Type) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	_, err := s.client.RoleGrantPermission(ctx, role, key, end, clientv3.PermissionType(may))
	return explain(err)
}

// addUser makes a user without a password, and gives it roles. It takes one that is there.
func (s *Store) addUser(ctx context.Context, name string, roles ...string) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	_, err := s.client.UserAddWithOptions(ctx, name, "", &clientv3.UserAddOptions{NoPassword: true})
	if err != nil && !errors.Is(err, rpctypes.ErrUserAlreadyExist) {
		return explain(err)
	}
	for _, role := range roles {
		if _, err := s.client.UserGrantRole(ctx, name, role); err != nil {
			return explain(err)
		}
	}
	return nil
}
