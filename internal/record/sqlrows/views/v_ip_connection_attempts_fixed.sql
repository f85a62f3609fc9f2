-- The document groups by the exact address, so that one IPv6 network is any number
-- of clients, melts all rows without an address into one, and sees no failed
-- authentication (F21, F23). This one groups by the client key (IPv4 address, IPv6
-- prefix); an attempt is a connection, failed is a refused connection, a failed
-- handshake or a failed authentication. Window: the last 24 hours, UTC.
WITH attempts AS (
    SELECT client, ip_address, kind, status, n, created_at FROM kb_connection_logs
    WHERE created_at >= $AGO(1 day) AND created_at <= $NOW
    UNION ALL
    SELECT client, ip_address, kind, status, n, created_at FROM kb_chat_logs
    WHERE created_at >= $AGO(1 day) AND created_at <= $NOW AND kind = 'auth'
)
SELECT
    coalesce(client, ip_address, '(no address)') AS client,
    count(DISTINCT ip_address) AS addresses,
    sum(CASE WHEN kind = 'connect' THEN n ELSE 0 END) AS attempt_count,
    sum(CASE WHEN kind = 'connect' AND status = 'success' THEN n ELSE 0 END) AS success_count,
    sum(CASE WHEN status = 'failed' THEN n ELSE 0 END) AS failed_count,
    sum(CASE WHEN kind = 'auth' THEN n ELSE 0 END) AS failed_auths,
    min(created_at) AS first_seen,
    max(created_at) AS last_seen
FROM attempts
GROUP BY 1
HAVING sum(CASE WHEN status = 'failed' THEN n ELSE 0 END) > 5
ORDER BY failed_count DESC, client
