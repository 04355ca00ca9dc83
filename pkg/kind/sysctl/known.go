package sysctl

import (
	"os"
	"slices"
	"strings"
)

// known are the settings of Linux up to 6.18, and those that older kernels had, in the groups in which no module adds any: a
// group is a directory below /proc/sys, for a device without the device's name. The names are those of
// Documentation/networking/ip-sysctl.rst and Documentation/admin-guide/sysctl/net.rst, and of the tables of struct ctl_table
// in net/ipv4, net/ipv6 and net/core.
var known = map[string][]string{
	"net/core": strings.Fields(`
		bpf_jit_enable bpf_jit_harden bpf_jit_kallsyms bpf_jit_limit busy_poll busy_read bypass_prot_mem default_qdisc
		dev_weight dev_weight_rx_bias dev_weight_tx_bias devconf_inherit_init_net fb_tunnels_only_for_init_net
		flow_limit_cpu_bitmap flow_limit_table_len gro_normal_batch high_order_alloc_disable max_skb_frags mem_pcpu_rsv
		message_burst message_cost netdev_budget netdev_budget_usecs netdev_fastroute netdev_max_backlog netdev_rss_key
		netdev_tstamp_prequeue netdev_unregister_timeout_secs optmem_max qdisc_max_burst rmem_default rmem_max
		rps_default_mask rps_sock_flow_entries skb_defer_max somaxconn tstamp_allow_data txq_reselection_ms txrehash warnings
		wmem_default wmem_max xfrm_acq_expires xfrm_aevent_etime xfrm_aevent_rseqth xfrm_larval_drop
	`),
	"net/ipv4": strings.Fields(`
		bpf_stats cipso_cache_bucket_size cipso_cache_enable cipso_rbm_optfmt cipso_rbm_strictvalid fib_multipath_hash_fields
		fib_multipath_hash_policy fib_multipath_hash_seed fib_multipath_use_neigh fib_notify_on_flag_change fib_sync_mem
		fwmark_reflect icmp_echo_enable_probe icmp_echo_ignore_all icmp_echo_ignore_broadcasts icmp_errors_use_inbound_ifaddr
		icmp_ignore_bogus_error_responses icmp_msgs_burst icmp_msgs_per_sec icmp_ratelimit icmp_ratemask
		igmp_link_local_mcast_reports igmp_max_memberships igmp_max_msf igmp_qrv inet_peer_maxttl inet_peer_minttl
		inet_peer_threshold ip_autobind_reuse ip_conntrack_max ip_default_ttl ip_dynaddr ip_early_demux ip_forward
		ip_forward_update_priority ip_forward_use_pmtu ip_local_port_range ip_local_reserved_ports ip_no_pmtu_disc
		ip_nonlocal_bind ip_unprivileged_port_start ipfrag_high_thresh ipfrag_low_thresh ipfrag_max_dist
		ipfrag_secret_interval ipfrag_time nexthop_compat_mode ping_group_range prot_sock raw_l3mdev_accept tcp_abc
		tcp_abort_on_overflow tcp_adv_win_scale tcp_allowed_congestion_control tcp_app_win tcp_autocorking
		tcp_available_congestion_control tcp_available_ulp tcp_backlog_ack_defer tcp_base_mss tcp_challenge_ack_limit
		tcp_child_ehash_entries tcp_comp_sack_delay_ns tcp_comp_sack_nr tcp_comp_sack_rtt_percent tcp_comp_sack_slack_ns
		tcp_congestion_control tcp_cookie_size tcp_dma_copybreak tcp_dsack tcp_early_demux tcp_early_retrans tcp_ecn
		tcp_ecn_fallback tcp_ecn_option tcp_ecn_option_beacon tcp_ehash_entries tcp_fack tcp_fastopen
		tcp_fastopen_blackhole_timeout_sec tcp_fastopen_key tcp_fin_timeout tcp_frto tcp_frto_response tcp_fwmark_accept
		tcp_invalid_ratelimit tcp_keepalive_intvl tcp_keepalive_probes tcp_keepalive_time tcp_l3mdev_accept
		tcp_limit_output_bytes tcp_low_latency tcp_max_orphans tcp_max_reordering tcp_max_ssthresh tcp_max_syn_backlog
		tcp_max_tw_buckets tcp_md5sig tcp_mem tcp_migrate_req tcp_min_rtt_wlen tcp_min_snd_mss tcp_min_tso_segs
		tcp_moderate_rcvbuf tcp_mtu_probe_floor tcp_mtu_probing tcp_no_metrics_save tcp_no_ssthresh_metrics_save
		tcp_notsent_lowat tcp_orphan_retries tcp_pacing_ca_ratio tcp_pacing_ss_ratio tcp_pingpong_thresh tcp_plb_cong_thresh
		tcp_plb_enabled tcp_plb_idle_rehash_rounds tcp_plb_rehash_rounds tcp_plb_suspend_rto_sec tcp_probe_interval
		tcp_probe_threshold tcp_rcvbuf_low_rtt tcp_recovery tcp_reflect_tos tcp_reordering tcp_retrans_collapse tcp_retries1
		tcp_retries2 tcp_rfc1337 tcp_rmem tcp_rto_max_ms tcp_rto_min_us tcp_sack tcp_shrink_window tcp_slow_start_after_idle
		tcp_stdurg tcp_syn_linear_timeouts tcp_syn_retries tcp_synack_retries tcp_syncookies tcp_thin_dupack
		tcp_thin_linear_timeouts tcp_timestamps tcp_tso_rtt_log tcp_tso_win_divisor tcp_tw_recycle tcp_tw_reuse
		tcp_tw_reuse_delay tcp_window_scaling tcp_wmem tcp_workaround_signed_windows udp_child_hash_entries udp_early_demux
		udp_hash_entries udp_l3mdev_accept udp_mem udp_rmem_min udp_wmem_min xfrm4_gc_thresh
	`),
	"net/ipv4/conf": strings.Fields(`
		accept_local accept_redirects accept_source_route arp_accept arp_announce arp_evict_nocarrier arp_filter arp_ignore
		arp_notify bc_forwarding bootp_relay disable_policy disable_xfrm drop_gratuitous_arp drop_unicast_in_l2_multicast
		force_igmp_version forwarding igmpv2_unsolicited_report_interval igmpv3_unsolicited_report_interval
		ignore_routes_with_linkdown log_martians mc_forwarding medium_id promote_secondaries proxy_arp proxy_arp_pvlan
		route_localnet rp_filter secure_redirects send_redirects shared_media src_valid_mark tag
	`),
	"net/ipv4/neigh": strings.Fields(`
		anycast_delay app_solicit base_reachable_time base_reachable_time_ms delay_first_probe_time gc_interval gc_stale_time
		gc_thresh1 gc_thresh2 gc_thresh3 interval_probe_time_ms locktime mcast_resolicit mcast_solicit proxy_delay proxy_qlen
		retrans_time retrans_time_ms ucast_solicit unres_qlen unres_qlen_bytes
	`),
	"net/ipv6": strings.Fields(`
		anycast_src_echo_reply auto_flowlabels bindv6only calipso_cache_bucket_size calipso_cache_enable
		fib_multipath_hash_fields fib_multipath_hash_policy fib_notify_on_flag_change flowlabel_consistency flowlabel_reflect
		flowlabel_state_ranges fwmark_reflect idgen_delay idgen_retries ioam6_id ioam6_id_wide ip6frag_high_thresh
		ip6frag_low_thresh ip6frag_secret_interval ip6frag_time ip_nonlocal_bind max_dst_opts_length max_dst_opts_number
		max_hbh_length max_hbh_opts_number mld_max_msf mld_qrv seg6_flowlabel skip_notify_on_dev_down xfrm6_gc_thresh
	`),
	"net/ipv6/conf": strings.Fields(`
		accept_dad accept_ra accept_ra_defrtr accept_ra_from_local accept_ra_min_hop_limit accept_ra_min_lft accept_ra_mtu
		accept_ra_pinfo accept_ra_route_info accept_ra_rt_info_max_plen accept_ra_rt_info_min_plen accept_ra_rtr_pref
		accept_redirects accept_source_route accept_untracked_na addr_gen_mode autoconf dad_transmits disable_ipv6
		disable_policy drop_unicast_in_l2_multicast drop_unsolicited_na enhanced_dad force_forwarding force_mld_version
		force_tllao forwarding hop_limit ignore_routes_with_linkdown ioam6_enabled ioam6_id ioam6_id_wide keep_addr_on_down
		max_addresses max_desync_factor mc_forwarding mldv1_unsolicited_report_interval mldv2_unsolicited_report_interval mtu
		ndisc_evict_nocarrier ndisc_notify ndisc_tclass optimistic_dad proxy_ndp ra_defrtr_metric ra_honor_pio_life
		ra_honor_pio_pflag regen_max_retry regen_min_advance router_probe_interval router_solicitation_delay
		router_solicitation_interval router_solicitation_max_interval router_solicitations rpl_seg_enabled seg6_enabled
		seg6_require_hmac stable_secret suppress_frag_ndisc temp_prefered_lft temp_valid_lft use_oif_addrs_only use_optimistic
		use_tempaddr
	`),
}

// group returns the group of a setting and its name in there; "" for a setting of a group that is not in known.
func group(path string) (dir, name string) {
	parts := strings.Split(path, "/")
	switch {
	case len(parts) == 3:
		dir = parts[0] + "/" + parts[1]
	case len(parts) == 5 && isPerDevice(parts[1], parts[2]):
		// Both families have the same settings of neighbours (neigh_sysctl_table in net/core/neighbour.c).
		if dir = strings.Join(parts[:3], "/"); parts[2] == "neigh" {
			dir = "net/ipv4/neigh"
		}
	}
	if known[dir] == nil {
		return "", ""
	}
	return dir, parts[len(parts)-1]
}

// isUnknown reports whether a setting is in none of the kernels that linkd knows, nor in this one, and returns the names that
// its group has.
func isUnknown(path string) (unknown bool, others []string) {
	dir, name := group(path)
	if dir == "" || slices.Contains(known[dir], name) {
		return false, nil
	}
	if parts := strings.Split(path, "/"); len(parts) == 5 {
		// Every device has the settings of the template.
		parts[3] = "default"
		path = strings.Join(parts, "/")
	}
	_, err := os.Lstat("/proc/sys/" + path)
	return err != nil, known[dir]
}
