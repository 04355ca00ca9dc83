package probe

import "testing"

func TestParsePlace(t *testing.T) {
	for text, want := range map[string]Place{
		"203.0.113.2":                {Method: Echo, Host: "203.0.113.2"},
		"203.0.113.2:443":            {Method: TCP, Host: "203.0.113.2", Port: 443},
		"2001:db8::2":                {Method: Echo, Host: "2001:db8::2"},
		"[2001:db8::2]:443":          {Method: TCP, Host: "2001:db8::2", Port: 443},
		"::ffff:10.1.0.1":            {Method: Echo, Host: "10.1.0.1"},
		"db":                         {Method: Echo, Host: "db"},
		"db:5432":                    {Method: TCP, Host: "db", Port: 5432},
		"http://db/health":           {Method: HTTP, Host: "db", Port: 80, URL: "http://db/health"},
		"https://[2001:db8::2]:8443": {Method: HTTP, Host: "2001:db8::2", Port: 8443, URL: "https://[2001:db8::2]:8443"},
	} {
		have, err := ParsePlace(text)
		if err != nil || have != want {
			t.Errorf("%s: have %+v, %v; want %+v", text, have, err, want)
		}
	}
	for _, text := range []string{"", ":80", "db:", "db:0", "db:65536", "db:http", "a b", "[db]:80", "10.1.0.0/24", "ftp://db/", "http://", "http://db:0/", "http://db:70000/"} {
		if have, err := ParsePlace(text); err == nil {
			t.Errorf("%q is taken as %+v", text, have)
		}
	}
}
