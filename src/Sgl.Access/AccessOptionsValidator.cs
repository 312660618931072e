using Microsoft.Extensions.Options;
using Sgl.Access.Internal;
using Sgl.Hosting;

namespace Sgl.Access;

/// <summary>Checks <see cref="AccessOptions"/>, the files of keys included.</summary>
public sealed class AccessOptionsValidator : IValidateOptions<AccessOptions>
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, AccessOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var errors = new SettingErrors(AccessOptions.SectionName);
        errors.Require(
            options.ReloadInterval >= TimeSpan.FromMilliseconds(10) && options.ReloadInterval <= TimeSpan.FromDays(1),
            nameof(options.ReloadInterval), $"is {options.ReloadInterval}", "use a time from 10 ms to one day, as hh:mm:ss");
        Keys(options, errors);
        if (options.Jwt.IsOn)
        {
            Jwt(options.Jwt, errors);
        }
        else
        {
            errors.Require(
                string.IsNullOrEmpty(options.Jwt.Audience) && string.IsNullOrEmpty(options.Jwt.Issuer), "Jwt:Authority",
                "is missing, with an issuer or an audience set", "set it or Jwt:JwksFile, so that tokens can be checked");
        }

        return errors.ToResult();
    }

    private static void Keys(AccessOptions options, SettingErrors errors)
    {
        var fromFile = new List<KeyOptions>();
        if (!string.IsNullOrEmpty(options.KeysFile))
        {
            try
            {
                fromFile = KeysFile.Read(options.KeysFile);
                errors.Require(
                    fromFile.Count > 0 || options.Keys.Count > 0 || options.Jwt.IsOn, nameof(options.KeysFile), $"'{options.KeysFile}' has no keys, so nobody could ask", "make one with 'sgl keys new'");
            }
            catch (SettingsFileException e)
            {
                errors.Add(nameof(options.KeysFile), $"cannot be used: {e.Message}", "make it with 'sgl keys new --file'");
            }
        }

        CallerRules.Check(
            [.. options.Keys, .. fromFile], errors.Add,
            i => i < options.Keys.Count ? FormattableString.Invariant($"Keys:{i}") : FormattableString.Invariant($"KeysFile, keys[{i - options.Keys.Count}]"));
    }

    private static void Jwt(JwtOptions jwt, SettingErrors errors)
    {
        errors.Require(
            string.IsNullOrEmpty(jwt.Authority) || string.IsNullOrEmpty(jwt.JwksFile), "Jwt:JwksFile", "is set together with Jwt:Authority", "keep one of the two");
        errors.Require(
            string.IsNullOrEmpty(jwt.Authority) || (Uri.TryCreate(jwt.Authority, UriKind.Absolute, out var uri) && uri.Scheme == Uri.UriSchemeHttps),
            "Jwt:Authority", $"is '{jwt.Authority}'", "give https://..., the address under which /.well-known/openid-configuration is found");
        errors.Require(!string.IsNullOrEmpty(jwt.Audience), "Jwt:Audience", "is missing", "set it: a token for another service must not open this one");
        if (!string.IsNullOrEmpty(jwt.JwksFile))
        {
            errors.Require(!string.IsNullOrEmpty(jwt.Issuer), "Jwt:Issuer", "is missing", "set the issuer whose keys the file has");
            try
            {
                TokenKeys.Read(jwt.JwksFile);
            }
            catch (SettingsFileException e)
            {
                errors.Add("Jwt:JwksFile", $"cannot be used: {e.Message}", "give a JSON web key set with public keys");
            }
        }

        CallerRules.Check(jwt, nameof(AccessOptions.Jwt), errors.Add);
    }
}
