using Microsoft.Extensions.Options;
using Sgl.Access;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>A router that others can reach asks them who they are, or says that it does not.</summary>
internal sealed class OpennessValidator(IOptions<ServiceListenOptions> listen, IOptions<AccessOptions> access) : IValidateOptions<RouterOptions>
{
    public ValidateOptionsResult Validate(string? name, RouterOptions options)
    {
        var errors = new SettingErrors(RouterOptions.SectionName);
        if (Valid(access) is { } who && Valid(listen) is { } where)
        {
            errors.Require(
                who.IsOn || options.Anonymous || where.IsThisMachine, nameof(options.Anonymous),
                $"is not set, and Listen:Address '{where.Address}' can be reached by others without a key",
                "set Access:KeysFile ('sgl keys new' makes one) or Access:Jwt, or Router:Anonymous=true where anybody who gets there may ask, or Listen:Address=localhost");
            errors.Require(
                !who.IsOn || !options.Anonymous, nameof(options.Anonymous), "is set together with keys in section Access", "keep one of the two");
        }

        return errors.ToResult();
    }

    // What is wrong in the other sections is told by them.
    private static T? Valid<T>(IOptions<T> options)
        where T : class
    {
        try
        {
            return options.Value;
        }
        catch (OptionsValidationException)
        {
            return null;
        }
    }
}
