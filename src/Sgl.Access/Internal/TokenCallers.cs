using System.Collections.Concurrent;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;

namespace Sgl.Access.Internal;

/// <summary>The callers that tokens name. Each subject of an issuer has one account for all its tokens, as long as something is counted in it.</summary>
internal sealed class TokenCallers(IOptions<AccessOptions> options, AccessMetrics metrics, TimeProvider time)
{
    /// <summary>One label for all: subjects are without number.</summary>
    public const string Label = "jwt";

    private const int LongestSubject = 128;

    private readonly ConcurrentDictionary<string, Account> _accounts = new();

    public int Count => _accounts.Count;

    /// <summary>The caller that a valid token names; null where it lacks what is asked for.</summary>
    public Caller? Of(ClaimsPrincipal token)
    {
        var jwt = options.Value.Jwt;
        if (token.FindFirst("sub")?.Value is not { Length: > 0 } subject || !HasScope(token, jwt.Scope))
        {
            return null;
        }

        // A subject may be anything, and says who somebody is only together with its issuer.
        var id = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{token.FindFirst("iss")?.Value}\n{subject}")).AsSpan(0, 16));
        var shown = subject.Length <= LongestSubject ? subject : string.Concat(subject.AsSpan(0, LongestSubject), "...");
        return new Caller($"jwt:{shown}", Label, $"jwt-{id}", jwt, _accounts.GetOrAdd(id, _ => new Account(jwt, time)), metrics);
    }

    /// <summary>Forgets accounts in which nothing is counted.</summary>
    public void Sweep()
    {
        foreach (var (id, account) in _accounts)
        {
            if (account.IsUnused)
            {
                _accounts.TryRemove(id, out _);
            }
        }
    }

    private static bool HasScope(ClaimsPrincipal token, string? scope) => string.IsNullOrEmpty(scope)
        || token.FindAll(c => c.Type is "scope" or "scp").SelectMany(c => c.Value.Split(' ')).Contains(scope, StringComparer.Ordinal);
}
