using Microsoft.Extensions.Configuration;

namespace Sgl.Access;

/// <summary>
/// Who may ask. Configuration section <c>Access</c>; with nothing set in it everybody may. Keys are kept as hashes only (<c>sgl keys new</c>).
/// </summary>
public sealed class AccessOptions
{
    /// <summary>Name of the configuration section.</summary>
    public const string SectionName = "Access";

    /// <summary>
    /// JSON file with keys: <c>{ "keys": [ { "name": "alice", "hash": "sha256:..." } ] }</c>, each with the fields of <see cref="Keys"/>. Read again while
    /// running; a file that cannot be used leaves the keys as they are.
    /// </summary>
    public string? KeysFile { get; set; }

    /// <summary>How often the files of keys are looked at for changes.</summary>
    /// <value>Default 5 s.</value>
    public TimeSpan ReloadInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Keys beside those of the file, e.g. from the environment.</summary>
    public IList<KeyOptions> Keys { get; } = [];

    /// <summary>JSON web tokens (bearer) of an identity provider.</summary>
    public JwtOptions Jwt { get; set; } = new();

    /// <summary>Whether callers are asked who they are.</summary>
    public bool IsOn => !string.IsNullOrEmpty(KeysFile) || Keys.Count > 0 || Jwt.IsOn;

    // Asked while the application is built, before anything is validated: where anything of this kind is set, nobody passes unasked.
    internal static bool IsConfigured(IConfiguration configuration)
    {
        var section = configuration.GetSection(SectionName);
        return !string.IsNullOrEmpty(section[nameof(KeysFile)])
            || section.GetSection(nameof(Keys)).GetChildren().Any()
            || !string.IsNullOrEmpty(section[$"{nameof(Jwt)}:{nameof(JwtOptions.Authority)}"])
            || !string.IsNullOrEmpty(section[$"{nameof(Jwt)}:{nameof(JwtOptions.JwksFile)}"]);
    }
}

/// <summary>What a caller may do, and how much of it.</summary>
public class CallerOptions
{
    /// <summary>Calls per minute: so many at once after a pause, and then one each 60/N seconds. Default: no limit.</summary>
    public int? RequestsPerMinute { get; set; }

    /// <summary>
    /// Prompt and generated tokens of both models per minute. What an answer takes is known when it ends: a request is accepted while anything is left, and
    /// what it took beyond that is waited for. Default: no limit.
    /// </summary>
    public int? TokensPerMinute { get; set; }

    /// <summary>Most calls at once. Default: no limit.</summary>
    public int? MaxConcurrent { get; set; }

    /// <summary>Routes that requests may take: <c>auto</c> (the score decides), <c>small</c>, <c>large</c>. Empty: all.</summary>
    public IList<string> Routes { get; set; } = [];

    /// <summary>
    /// Policies that requests may name, <c>default</c> being that of the server; none may then bring thresholds or prune points of its own. Empty: all, and
    /// their own.
    /// </summary>
    public IList<string> Policies { get; set; } = [];
}

/// <summary>One key.</summary>
public sealed class KeyOptions : CallerOptions
{
    /// <summary>What the key is called in logs, traces and metrics: letters, digits, '-', '_' and '.'. Required.</summary>
    public string Name { get; set; } = "";

    /// <summary>The key's hash as <c>sgl keys hash</c> prints it: <c>sha256:</c> and 64 hexadecimal digits. Required.</summary>
    public string Hash { get; set; } = "";

    /// <summary>Keys of one tenant share caches (see section <c>Tenants</c>). Default: the name, so that each key has its own.</summary>
    public string? Tenant { get; set; }

    /// <summary>When the key stops being accepted, as an ISO 8601 time with zone. Default: never.</summary>
    public DateTimeOffset? Expires { get; set; }
}

/// <summary>JSON web tokens. The keys that sign them come from <see cref="Authority"/> or <see cref="JwksFile"/>; each subject has the limits given here.</summary>
public sealed class JwtOptions : CallerOptions
{
    /// <summary>Address of an OpenID Connect provider, <c>https://...</c>; its keys and its issuer are read from its discovery document.</summary>
    public string? Authority { get; set; }

    /// <summary>A file with a JSON web key set, in place of <see cref="Authority"/>; read again while running.</summary>
    public string? JwksFile { get; set; }

    /// <summary>The issuer (<c>iss</c>) of accepted tokens. Required with <see cref="JwksFile"/>; default: that of the authority.</summary>
    public string? Issuer { get; set; }

    /// <summary>The audience (<c>aud</c>) that accepted tokens are for. Required.</summary>
    public string? Audience { get; set; }

    /// <summary>A scope (<c>scope</c> or <c>scp</c>) that accepted tokens must have. Default: none.</summary>
    public string? Scope { get; set; }

    /// <summary>Whether tokens are accepted.</summary>
    public bool IsOn => !string.IsNullOrEmpty(Authority) || !string.IsNullOrEmpty(JwksFile);
}
