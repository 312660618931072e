using System.Reflection;
using Sgl.Hosting;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class ErrorReasonsTests
{
    private const string Prefix = "ERROR_REASON_";

    [Fact]
    public void Reasons_OfTheServices_AreThoseOfTheContract()
    {
        var contract = Wire.ErrorsReflection.Descriptor.EnumTypes.Single(e => e.Name == "ErrorReason").Values.Where(v => v.Number != 0).Select(v => v.Name[Prefix.Length..]);
        var sent = new[] { typeof(ErrorReasons), typeof(RouterErrorReasons) }.SelectMany(t => t.GetFields(BindingFlags.Public | BindingFlags.Static)).Where(f => f.Name != nameof(ErrorReasons.Domain)).Select(f => (string)f.GetRawConstantValue()!);

        Assert.Equal(contract.Order(StringComparer.Ordinal), sent.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Options_OfEveryFile_CanBeImported()
    {
        foreach (var file in new[] { Wire.CommonReflection.Descriptor, Wire.ErrorsReflection.Descriptor, Wire.SmallServiceReflection.Descriptor, Wire.LargeServiceReflection.Descriptor, Wire.RouterServiceReflection.Descriptor })
        {
            var options = file.GetOptions();

            // The Go tool takes a first element without a dot for the standard library, and fetches nothing from it.
            var path = options.GoPackage.Split(';')[0].Split('/');
            Assert.Contains('.', path[0]);
            Assert.Equal(["clients", "go", "gen", "sgl", "v1"], path[^5..]);
            Assert.Matches(@"^[a-z]{2,}(\.[a-z][a-z0-9_]*){2,}\.v1$", options.JavaPackage);
        }
    }
}
