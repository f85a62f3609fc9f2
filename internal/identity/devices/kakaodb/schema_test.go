package kakaodb_test

// The tables of installations that are known, by their columns. Each is a CREATE of
// kb_bot_devices, and what a row of it needs beyond names and status.
func schemas() map[string]string {
	return map[string]string{
		"from the SQL files": `CREATE TABLE kb_bot_devices (
  id INT AUTO_INCREMENT PRIMARY KEY,
  bot_name VARCHAR(30) NOT NULL, device_id VARCHAR(100) NOT NULL,
  ip_address VARCHAR(45), client_type VARCHAR(50), client_version VARCHAR(20),
  status ENUM('pending','approved','denied','revoked','blocked') NOT NULL DEFAULT 'pending',
  approved_at DATETIME, rejection_reason TEXT, created_at DATETIME, updated_at DATETIME,
  UNIQUE KEY uk_device_id (device_id)
) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`,
		"from the README": `CREATE TABLE kb_bot_devices (
  id BIGINT AUTO_INCREMENT PRIMARY KEY,
  bot_name VARCHAR(64) NOT NULL, device_id VARCHAR(128) NOT NULL,
  ip_address VARCHAR(45), status ENUM('pending','approved','denied','revoked','blocked') DEFAULT 'pending',
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP, updated_at DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  UNIQUE KEY (bot_name, device_id)
) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci`,
		"as the code asks": `CREATE TABLE kb_bot_devices (
  id INT AUTO_INCREMENT PRIMARY KEY,
  bot_name VARCHAR(30) NOT NULL, device_id VARCHAR(100) NOT NULL,
  ip_address VARCHAR(45), client_type VARCHAR(50), client_version VARCHAR(20),
  status ENUM('pending','approved','denied','revoked','blocked') NOT NULL DEFAULT 'pending',
  approved_at DATETIME, rejection_reason TEXT, created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL,
  max_message_size INT, image_resize_width INT, image_resize_enabled TINYINT(1), descryption VARCHAR(255),
  UNIQUE KEY uk_device_id (device_id)
) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci`,
		"of kkobot": `CREATE TABLE kb_bot_devices (
  bot_name VARCHAR(30) NOT NULL, device_id VARCHAR(100) NOT NULL,
  client_info TEXT, descryption TEXT, status VARCHAR(20), approved_at DATETIME NULL,
  PRIMARY KEY (bot_name, device_id)
) DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci`,
		"the least": `CREATE TABLE kb_bot_devices (BOT_NAME VARCHAR(30), Device_Id VARCHAR(100), status TEXT) DEFAULT CHARSET=utf8mb4`,
	}
}

const processes = `CREATE TABLE kb_server_processes (
  id INT AUTO_INCREMENT PRIMARY KEY, server_id INT, process_name VARCHAR(50) NOT NULL UNIQUE, port INT NOT NULL,
  type ENUM('test','live') NOT NULL DEFAULT 'test', pid INT,
  status ENUM('stopped','starting','running','stopping','error','crashed') NOT NULL DEFAULT 'stopped',
  cpu_usage FLOAT, memory_usage FLOAT, last_heartbeat DATETIME, supervisor_host VARCHAR(255), supervisor_port INT,
  created_at DATETIME, updated_at DATETIME
) DEFAULT CHARSET=utf8mb4`

const servers = `CREATE TABLE kb_servers (
  server_id INT PRIMARY KEY, server_name VARCHAR(100), server_host VARCHAR(255), server_port INT, priority INT,
  status ENUM('healthy','degraded','maintenance','failed'), max_bots INT, current_bots INT, description TEXT, last_heartbeat DATETIME
) DEFAULT CHARSET=utf8mb4`
