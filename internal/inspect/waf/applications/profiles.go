package applications

const (
	whyHTML     = "what its editor writes is HTML, which the program cleans by itself"
	whyPassword = "a password is compared and never shown, and may hold any sign"
)

// wordPress are the editors, old and new, and passwords. A comment may come from anybody
// and is judged in full.
func wordPress() []exclusion {
	text := []int{files, commands, php, generic, scripts, databases, own}
	return []exclusion{
		{text, []string{"/wp-admin/post.php"}, []string{"ARGS:content", "ARGS:excerpt"},
			"the classic editor: texts of people who are logged in as authors, with any code in them; WordPress prepares its queries"},
		{text, []string{"/wp-admin/admin-ajax.php"}, []string{"ARGS:data[wp_autosave][content]", "ARGS:data[wp_autosave][excerpt]"},
			"the classic editor saves the same text every few seconds"},
		{text, []string{"/wp-json/wp/v2/posts", "/wp-json/wp/v2/posts/", "/wp-json/wp/v2/pages", "/wp-json/wp/v2/pages/", "/wp-json/wp/v2/blocks", "/wp-json/wp/v2/blocks/"},
			[]string{"ARGS:json.content", "ARGS:json.excerpt"}, "the block editor: the same texts, with comments that mark blocks"},
		{[]int{files, commands, php, generic, scripts, databases, own}, []string{"/wp-login.php"}, []string{"ARGS:pwd"}, whyPassword},
		{[]int{files, commands, php, generic, scripts, databases, own}, []string{"/wp-admin/profile.php", "/wp-admin/user-edit.php", "/wp-admin/user-new.php"},
			[]string{"ARGS:pass1", "ARGS:pass2", "ARGS:pass1-text"}, whyPassword},
	}
}

// gnuboard5 are its editors and passwords. Rules about SQL stay on all of them: it puts
// its queries together from texts.
func gnuboard5() []exclusion {
	html := []int{scripts}
	return []exclusion{
		{html, []string{"/bbs/write_update.php"}, []string{"ARGS:wr_content"}, whyHTML},
		{html, []string{"/bbs/qawrite_update.php"}, []string{"ARGS:qa_content"}, whyHTML},
		{html, []string{"/adm/contentformupdate.php"}, []string{"ARGS:co_content", "ARGS:co_mobile_content"}, whyHTML},
		{html, []string{"/adm/newwinformupdate.php"}, []string{"ARGS:nw_content"}, whyHTML},
		{html, []string{"/adm/faqformupdate.php"}, []string{"ARGS:fa_subject", "ARGS:fa_content"}, whyHTML},
		{html, []string{"/adm/board_form_update.php"}, []string{"ARGS:bo_content_head", "ARGS:bo_content_tail", "ARGS:bo_mobile_content_head", "ARGS:bo_mobile_content_tail", "ARGS:bo_insert_content"}, whyHTML},
		{html, []string{"/adm/shop_admin/itemformupdate.php"}, []string{"ARGS:it_explan", "ARGS:it_mobile_explan"}, whyHTML},
		{[]int{files, commands, php, generic, scripts}, []string{"/bbs/login_check.php"}, []string{"ARGS:mb_password"}, whyPassword},
		{[]int{files, commands, php, generic, scripts}, []string{"/bbs/register_form_update.php"}, []string{"ARGS:mb_password", "ARGS:mb_password_re"}, whyPassword},
	}
}

// rhymix are the editor and the password of Rhymix and XpressEngine, which send every form
// to one program, by any path, and tell by a parameter what it is. Rules about SQL stay on both.
func rhymix() []exclusion {
	return []exclusion{
		{[]int{scripts}, []string{"/"}, []string{"ARGS:content"}, whyHTML},
		{[]int{files, commands, php, generic, scripts}, []string{"/"}, []string{"ARGS:password"}, whyPassword},
	}
}

// phpMyAdmin is there to send SQL: what its users write is judged by nobody but the
// database, in which they are logged in.
func phpMyAdmin() []exclusion {
	places := []string{"/index.php", "/import.php", "/sql.php"}
	return []exclusion{
		{[]int{files, commands, php, generic, scripts, databases, own}, places, []string{"ARGS:sql_query"},
			"a query of who is logged in to the database, sent as it was written"},
		{[]int{files, commands, php, generic, scripts, databases, own}, []string{"/index.php"}, []string{"ARGS:pma_password"}, whyPassword},
	}
}

// nextcloud are WebDAV's methods at the paths of WebDAV, and the password.
func nextcloud() []exclusion {
	return []exclusion{
		{[]int{911100}, []string{"/remote.php/dav/", "/remote.php/webdav/", "/public.php/webdav/"}, []string{"REQUEST_METHOD"},
			"WebDAV has methods of its own: PROPFIND, REPORT, MKCOL, MOVE"},
		{[]int{files, commands, php, generic, scripts, databases, own}, []string{"/login", "/index.php/login"}, []string{"ARGS:password"}, whyPassword},
	}
}
