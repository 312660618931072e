namespace Sgl.Access.Internal;

/// <summary>Says what is wrong with keys and limits.</summary>
internal static class CallerRules
{
    private const int MaxName = 64;
    private const int MaxKeys = 10_000;

    private static readonly string[] Routes = [Caller.AutoRoute, "small", "large"];

    /// <summary>Checks keys.</summary>
    /// <param name="keys">All of them, from wherever.</param>
    /// <param name="add">Gets field, problem and remedy.</param>
    /// <param name="place">What the n-th key is called.</param>
    public static void Check(IReadOnlyList<KeyOptions> keys, Action<string, string, string> add, Func<int, string> place)
    {
        if (keys.Count > MaxKeys)
        {
            add(place(MaxKeys), $"is one of {keys.Count} keys", $"at most {MaxKeys} are held; use JSON web tokens for so many callers");
            return;
        }

        var (names, hashes) = (new HashSet<string>(StringComparer.OrdinalIgnoreCase), new HashSet<string>(StringComparer.OrdinalIgnoreCase));
        for (var i = 0; i < keys.Count; i++)
        {
            var (key, at) = (keys[i], place(i));
            if (!IsName(key.Name))
            {
                add($"{at}:Name", key.Name is { Length: > 0 } ? "is no name" : "is missing", $"use 1 to {MaxName} letters, digits, '-', '_' and '.'");
            }
            else if (!names.Add(key.Name))
            {
                add($"{at}:Name", $"is '{key.Name}', as another key's (case apart)", "give each its own");
            }

            if (ApiKey.ParseHash(key.Hash ?? "") is null)
            {
                // Not quoted: who put the key itself here must not find it in a log.
                add($"{at}:Hash", string.IsNullOrEmpty(key.Hash) ? "is missing" : "is no hash", "write what 'sgl keys hash' prints: sha256: and 64 hexadecimal digits");
            }
            else if (!hashes.Add(key.Hash!))
            {
                add($"{at}:Hash", "is another key's too", "make a key for each with 'sgl keys new'");
            }

            if (key.Tenant is { Length: > 0 } tenant && !IsName(tenant))
            {
                add($"{at}:Tenant", "is no name", $"use 1 to {MaxName} letters, digits, '-', '_' and '.'");
            }

            Check(key, at, add);
        }
    }

    /// <summary>Checks limits and rights.</summary>
    public static void Check(CallerOptions options, string at, Action<string, string, string> add)
    {
        Limit(nameof(options.RequestsPerMinute), options.RequestsPerMinute);
        Limit(nameof(options.TokensPerMinute), options.TokensPerMinute);
        Limit(nameof(options.MaxConcurrent), options.MaxConcurrent);
        foreach (var route in (options.Routes ?? []).Where(r => !Routes.Contains(r, StringComparer.OrdinalIgnoreCase)))
        {
            add($"{at}:{nameof(options.Routes)}", $"has '{route}'", $"use {string.Join(", ", Routes)}");
        }

        if ((options.Policies ?? []).Any(string.IsNullOrWhiteSpace))
        {
            add($"{at}:{nameof(options.Policies)}", "has an empty name", "name policies of the server, or default");
        }

        void Limit(string field, int? value)
        {
            if (value is < 1)
            {
                add($"{at}:{field}", FormattableString.Invariant($"is {value}"), "use at least 1, or nothing for no limit");
            }
        }
    }

    private static bool IsName(string? name) => name is { Length: > 0 and <= MaxName } && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');
}
