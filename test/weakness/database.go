package weakness

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Schema are the statements that make the tables of the bot system, as far as the
// server uses them. The column max_message_size stands in no published file, but the
// code asks for it: without it every question fails, and finding 6 approves everybody.
func Schema() []string {
	return []string{
		`CREATE TABLE kb_bot_devices (
			id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
			bot_name VARCHAR(30) NOT NULL,
			device_id VARCHAR(100) NOT NULL,
			ip_address VARCHAR(45),
			client_type VARCHAR(50),
			client_version VARCHAR(20),
			status ENUM('pending','approved','denied','revoked','blocked') NOT NULL DEFAULT 'pending',
			approved_at DATETIME,
			rejection_reason TEXT,
			max_message_size INT,
			created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
			updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
			UNIQUE KEY uk_device_id (device_id)
		) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci`,
		`CREATE TABLE kb_chat_logs (
			id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
			room_name VARCHAR(255),
			sender VARCHAR(100),
			message TEXT,
			bot_name VARCHAR(30),
			created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
		) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci`,
		`CREATE TABLE kb_server_processes (
			id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
			server_id INT NOT NULL DEFAULT 1,
			process_name VARCHAR(50) NOT NULL UNIQUE,
			port INT NOT NULL,
			type ENUM('test','live') NOT NULL DEFAULT 'live',
			status ENUM('stopped','starting','running','stopping','error','crashed') NOT NULL DEFAULT 'stopped',
			last_heartbeat DATETIME
		) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci`,
	}
}

// patience bounds a statement.
const patience = 5 * time.Second

// errNoDatabase is what there is to say without a database.
var errNoDatabase = errors.New("no database")

// approve says whether a device may chat, and makes an unknown one pending. Every
// error approves (findings 6 and 7), and so does a row that only its collation takes
// for the device's (finding 11).
func (s *Server) approve(ctx context.Context, h handshake) bool {
	approved, err := s.ask(ctx, h)
	if err != nil {
		s.cfg.Log.Warn("approval not known, so given", "bot", h.bot, "err", err)
		return true
	}
	return approved
}

func (s *Server) ask(ctx context.Context, h handshake) (bool, error) {
	if s.cfg.DB == nil {
		return false, errNoDatabase
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	id, approved, err := s.find(ctx, h.bot, h.device)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		_, err = s.cfg.DB.ExecContext(ctx, "INSERT INTO kb_bot_devices (bot_name, device_id, ip_address, client_type, client_version) VALUES (?,?,?,?,?)",
			h.bot, h.device, h.addr, h.client, h.version)
	case err == nil:
		_, err = s.cfg.DB.ExecContext(ctx, "UPDATE kb_bot_devices SET ip_address = ?, client_version = ? WHERE id = ?", h.addr, h.version, id)
	}
	return approved, err
}

func (s *Server) find(ctx context.Context, bot, device string) (id int, approved bool, err error) {
	var status string
	var size sql.NullInt64
	err = s.cfg.DB.QueryRowContext(ctx, "SELECT id, status, max_message_size FROM kb_bot_devices WHERE bot_name = ? AND device_id = ?",
		bot, device).Scan(&id, &status, &size)
	return id, status == "approved", err
}

// reload asks again about everybody who is connected. Without it a change of status
// waits for the device to reconnect (finding 10).
func (s *Server) reload(ctx context.Context) {
	if s.cfg.DB == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for id := range s.clients {
		_, approved, err := s.find(ctx, id.bot, id.device)
		s.approved[id] = approved || err != nil
	}
}

// log writes a message down.
func (s *Server) log(ctx context.Context, bot, room, sender, text string) {
	s.write(ctx, "INSERT INTO kb_chat_logs (room_name, sender, message, bot_name) VALUES (?,?,?,?)", room, sender, text, bot)
}

// blockBot blocks every device of a bot.
func (s *Server) blockBot(ctx context.Context, bot string) {
	s.write(ctx, "UPDATE kb_bot_devices SET status = 'blocked', rejection_reason = 'wrong signature' WHERE bot_name = ?", bot)
}

func (s *Server) write(ctx context.Context, query string, args ...any) {
	if s.cfg.DB == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := s.cfg.DB.ExecContext(ctx, query, args...); err != nil {
		s.cfg.Log.Warn("statement failed", "err", err)
	}
}
