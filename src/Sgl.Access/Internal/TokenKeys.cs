using Microsoft.IdentityModel.Tokens;
using Sgl.Hosting;

namespace Sgl.Access.Internal;

/// <summary>Reads files of keys that sign tokens.</summary>
internal static class TokenKeys
{
    /// <summary>Signatures that are accepted: of key pairs only, so that what verifies a token cannot sign one.</summary>
    public static readonly string[] Algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];

    /// <summary>The keys of a JSON web key set.</summary>
    /// <exception cref="SettingsFileException">It cannot be read, or has none that can be used.</exception>
    public static IReadOnlyList<SecurityKey> Read(string path)
    {
        try
        {
            var keys = JsonWebKeySet.Create(File.ReadAllText(path)).GetSigningKeys().Where(k => k is not SymmetricSecurityKey).ToList();
            return keys.Count > 0 ? keys : throw new SettingsFileException($"'{path}' has no public key for signatures");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException or System.Text.Json.JsonException)
        {
            // What the library says may quote the file.
            throw new SettingsFileException($"'{path}' {(e is IOException or UnauthorizedAccessException ? "cannot be read" : "is no JSON web key set")}", e);
        }
    }
}
