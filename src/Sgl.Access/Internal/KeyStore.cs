using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using Sgl.Hosting;

namespace Sgl.Access.Internal;

/// <summary>The keys that are accepted now, from settings and files; files are read again when told to.</summary>
internal sealed class KeyStore
{
    private readonly AccessOptions _options;
    private readonly AccessMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<KeyStore> _logger;
    private volatile KeyRing _ring;
    private volatile IReadOnlyList<SecurityKey> _tokenKeys = [];
    private byte[]? _keysFile;
    private byte[]? _tokensFile;

    public KeyStore(IOptions<AccessOptions> options, AccessMetrics metrics, TimeProvider time, ILogger<KeyStore> logger)
    {
        (_options, _metrics, _time, _logger) = (options.Value, metrics, time, logger);
        _ring = new KeyRing([], null, metrics, time);
        LoadKeys();
        LoadTokenKeys();
    }

    public KeyRing Ring => _ring;

    public IReadOnlyList<SecurityKey> TokenKeys => _tokenKeys;

    /// <summary>Takes over what has changed in the files. What cannot be used is told, once, and changes nothing.</summary>
    public void Reload()
    {
        if (!string.IsNullOrEmpty(_options.KeysFile) && Differs(_options.KeysFile, ref _keysFile))
        {
            Try(LoadKeys, _options.KeysFile);
        }

        if (!string.IsNullOrEmpty(_options.Jwt.JwksFile) && Differs(_options.Jwt.JwksFile, ref _tokensFile))
        {
            Try(LoadTokenKeys, _options.Jwt.JwksFile);
        }
    }

    private void LoadKeys()
    {
        var keys = _options.Keys.ToList();
        if (!string.IsNullOrEmpty(_options.KeysFile))
        {
            _keysFile ??= Content(_options.KeysFile);
            keys.AddRange(KeysFile.Read(_options.KeysFile));
        }

        var errors = new List<string>();
        CallerRules.Check(keys, (field, problem, _) => errors.Add($"{field} {problem}"), i => FormattableString.Invariant($"key {i + 1}"));
        if (errors.Count > 0)
        {
            throw new SettingsFileException(string.Join("; ", errors.Take(10)));
        }

        var before = _ring;
        _ring = new KeyRing(keys, before, _metrics, _time);
        _metrics.SetKeys(_ring.Count, before.Labels.Except(_ring.Labels));
    }

    private void LoadTokenKeys()
    {
        if (!string.IsNullOrEmpty(_options.Jwt.JwksFile))
        {
            _tokensFile ??= Content(_options.Jwt.JwksFile);
            _tokenKeys = Internal.TokenKeys.Read(_options.Jwt.JwksFile);
        }
    }

    private void Try(Action load, string file)
    {
        try
        {
            load();
            _metrics.CountReload(worked: true);
            AccessLog.Reloaded(_logger, file, _ring.Count);
        }
        catch (SettingsFileException e)
        {
            _metrics.CountReload(worked: false);
            AccessLog.NotReloaded(_logger, file, e.Message);
        }
    }

    // By content: orchestrators exchange files behind links, with times that say nothing.
    private static bool Differs(string file, ref byte[]? last)
    {
        var now = Content(file);
        var differs = last is null || !now.AsSpan().SequenceEqual(last);
        last = now;
        return differs;
    }

    private static byte[] Content(string file)
    {
        try
        {
            using var stream = File.OpenRead(file);
            return System.Security.Cryptography.SHA256.HashData(stream);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return []; // as different from any content: it is read, and told, once
        }
    }
}
